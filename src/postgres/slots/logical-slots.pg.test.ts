import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../../test/support/free-port.js';
import { postgresSettings, surroundings, until, whyNoPostgres } from '../../../test/support/postgres-server.js';
import { scratch } from '../../../test/support/scratch.js';
import { milliseconds } from '../../base/duration.js';
import { type Lsn, parseLsn } from '../../base/lsn.js';
import { nodeClock } from '../../platform/node-clock.js';
import type { ReplicationSlot, ServerStatus, Upstream } from '../../ports/postgres.js';
import { LocalPostgres } from '../local-postgres.js';
import { connect } from '../query/connect.js';
import type { Row } from '../query/session.js';

const skip = whyNoPostgres() ?? false;
const TIMEOUT = milliseconds(5000);
const LS = { name: 'ls', database: 'postgres', plugin: 'test_decoding' };

interface Member {
  readonly postgres: LocalPostgres;
  readonly upstream: Upstream;
  readonly log: string[];
  readonly sql: (text: string) => Promise<readonly Row[]>;
}

async function member(folder: string, name: string): Promise<Member> {
  const port = await freePort();
  const log: string[] = [];
  const settings = postgresSettings(join(folder, name), port, {
    pgpass: join(folder, `pgpass-${name}`),
    rewind: { username: 'rewind', password: 'x' },
    superuser: { username: 'postgres', password: 'x' },
    replication: { username: 'repl', password: 'x' },
    parameters: {
      wal_level: 'logical',
      unix_socket_directories: folder,
      shared_buffers: '16MB',
      wal_keep_size: '0',
      max_replication_slots: 4,
    },
    pgHba: ['local all all trust', 'host all all 127.0.0.1/32 scram-sha-256', 'host replication all 127.0.0.1/32 scram-sha-256'],
    basebackup: [{ checkpoint: 'fast' }, 'no-sync'],
  });
  const postgres = new LocalPostgres({
    settings,
    bootstrap: { dcs: {}, method: undefined, initdb: ['no-sync'], pgHba: [], postBootstrap: undefined, methods: {} },
    ...surroundings(log, { name }),
  });
  const sql = async (text: string): Promise<readonly Row[]> => {
    const session = await connect(
      { host: '127.0.0.1', port: String(port), user: 'postgres', password: 'x', dbname: 'postgres' },
      { clock: nodeClock, startupOptions: '-c statement_timeout=10000' },
    );
    try {
      return await session.query(text);
    } finally {
      session.close();
    }
  };
  return { postgres, log, sql, upstream: { name, kind: 'member', connUrl: postgres.connUrl() } };
}

async function status({ postgres, log }: Member): Promise<ServerStatus> {
  const seen = await postgres.observe({ timeoutMs: TIMEOUT, withSynchronousState: false });
  assert.ok(seen.status.kind === 'known', log.join('\n'));
  return seen.status.value;
}

const slotOf = async (one: Member): Promise<ReplicationSlot | undefined> => (await status(one)).slots.find(({ name }) => name === LS.name);

test('patroni-1749: a logical slot is copied with its WAL, moved on, and read after a promotion', { skip, timeout: 120_000 }, async () => {
  const folder = scratch();
  const first = await member(folder, 'n1');
  const second = await member(folder, 'n2');
  after(async () => {
    for (const { postgres } of [second, first]) {
      await postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: TIMEOUT });
      await postgres.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });
  assert.equal(await first.postgres.initialise(), 'started', first.log.join('\n'));
  assert.equal(await first.postgres.runPostBootstrap(), true, first.log.join('\n'));
  const { logicalSlots } = second.postgres;

  await first.postgres.logicalSlots.create(LS);
  await first.postgres.logicalSlots.create(LS);
  await first.sql('CREATE TABLE t (id int)');
  for (let id = 1; id <= 3; id++)
    for (const text of [`INSERT INTO t VALUES (${id})`, 'SELECT pg_switch_wal()', 'CHECKPOINT']) await first.sql(text);

  await first.postgres.createPhysicalSlot('n2');
  assert.equal(await second.postgres.clone(first.upstream, { basebackupOnly: false }), true, second.log.join('\n'));
  await logicalSlots.enforceFeedback(true);
  assert.equal(await second.postgres.follow(first.upstream, { role: 'replica', how: 'restart' }), 'ready', second.log.join('\n'));
  assert.equal((await second.sql('SHOW hot_standby_feedback'))[0]?.['hot_standby_feedback'], 'on');
  assert.equal(await logicalSlots.room(), 4);

  const copies = await logicalSlots.read(first.upstream, ['ls', 'other']);
  assert.deepEqual(
    copies?.map(({ name, database, plugin }) => ({ name, database, plugin })),
    [LS],
    second.log.join('\n'),
  );
  assert.ok((copies[0]?.wal.length ?? 0) >= 3, 'the base backup begins later than the slot');
  await second.postgres.stop({ mode: 'fast', checkpoint: true });
  await logicalSlots.write(copies);
  assert.equal(await second.postgres.start({ role: 'replica' }), 'ready', second.log.join('\n'));
  await until('streaming', async () => (await status(second)).replicationState === 'streaming');
  const copied = await slotOf(second);
  assert.deepEqual([copied?.type, copied?.plugin, copied?.restartLsn], ['logical', LS.plugin, (await slotOf(first))?.restartLsn]);

  await until('feedback reaches the primary', async () => {
    const answer = await logicalSlots.leaderSlots(first.upstream, 'n2', ['ls']);
    return answer?.physical?.catalogXmin !== undefined && answer.logical.get('ls') !== undefined;
  });
  assert.equal((await logicalSlots.leaderSlots(first.upstream, 'nobody', ['ls']))?.physical, undefined);

  const [read] = await first.sql("SELECT lsn FROM pg_logical_slot_get_changes('ls', NULL, 1) ORDER BY lsn DESC LIMIT 1");
  const target = parseLsn(read?.['lsn'] ?? '') as Lsn;
  await until('it is replayed', async () => (await status(second)).replayLsn >= target);
  const outcomes = await logicalSlots.advance('postgres', [{ name: 'ls', lsn: target }], new AbortController().signal);
  assert.deepEqual([...outcomes], [['ls', 'advanced']], second.log.join('\n'));
  assert.ok(((await slotOf(second))?.confirmedFlushLsn ?? 0n) >= target);

  await first.postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: TIMEOUT });
  assert.equal(await logicalSlots.read(first.upstream, ['ls']), undefined, 'nobody to ask');
  assert.equal(await second.postgres.promote({ timeoutMs: milliseconds(10_000), leastTimeline: 2 }), 'promoted');
  await second.sql('INSERT INTO t VALUES (4)');
  const rows = await second.sql("SELECT data FROM pg_logical_slot_peek_changes('ls', NULL, NULL)");
  const ids = rows.flatMap(({ data }) => /INSERT: id\[integer\]:(\d+)/.exec(data ?? '')?.[1] ?? []);
  assert.deepEqual(ids.slice(-3), ['2', '3', '4']);
});
