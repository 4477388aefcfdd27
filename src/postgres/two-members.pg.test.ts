import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../test/support/free-port.js';
import { postgresSettings, surroundings, until, whyNoPostgres } from '../../test/support/postgres-server.js';
import { scratch } from '../../test/support/scratch.js';
import { milliseconds } from '../base/duration.js';
import type { PostgresObservation, ServerStatus, Upstream } from '../ports/postgres.js';
import type { PostgresSettings } from '../ports/settings.js';
import { LocalPostgres } from './local-postgres.js';

const skip = whyNoPostgres() ?? false;
const TIMEOUT = milliseconds(5000);

interface Member {
  readonly postgres: LocalPostgres;
  readonly settings: PostgresSettings;
  readonly log: string[];
  readonly upstream: Upstream;
}

async function member(folder: string, name: string, mode: 'off' | 'on'): Promise<Member> {
  const port = await freePort();
  const settings = postgresSettings(join(folder, name), port, {
    useUnixSocket: false,
    useUnixSocketRepl: false,
    pgpass: join(folder, `pgpass-${name}`),
    superuser: { username: 'postgres', password: "a'b\\c" },
    replication: { username: 'repl user', password: 'x:y' },
    rewind: { username: 'rewind', password: '$$' },
    parameters: {
      wal_level: 'hot_standby',
      hot_standby: 'on',
      max_connections: 100,
      max_wal_senders: 10,
      max_prepared_transactions: 0,
      max_locks_per_transaction: 64,
      track_commit_timestamp: 'off',
      max_replication_slots: 10,
      max_worker_processes: 8,
      wal_log_hints: 'on',
      unix_socket_directories: folder,
      shared_buffers: '16MB',
      nonsense: 1,
    },
    pgHba: ['host all all 127.0.0.1/32 scram-sha-256', 'host replication all 127.0.0.1/32 scram-sha-256'],
    basebackup: [{ checkpoint: 'fast' }, 'no-sync'],
    usePgRewind: true,
  });
  return agent(settings, name, mode);
}

function agent(settings: PostgresSettings, name: string, mode: 'off' | 'on'): Member {
  const log: string[] = [];
  const postgres = new LocalPostgres({
    settings,
    bootstrap: { dcs: {}, method: undefined, initdb: ['no-sync'], pgHba: [], postBootstrap: undefined, methods: {} },
    ...surroundings(log, { name, mode }),
  });
  return { postgres, settings, log, upstream: { name, kind: 'member', connUrl: postgres.connUrl() } };
}

const look = ({ postgres }: Member): Promise<PostgresObservation> => postgres.observe({ timeoutMs: TIMEOUT, withSynchronousState: true });

async function status(one: Member): Promise<ServerStatus> {
  const seen = await look(one);
  assert.ok(seen.status.kind === 'known', `${seen.status.kind} ${one.log.join('\n')}`);
  return seen.status.value;
}

test('bootstrap, clone, follow, reload, promote, rewind', { skip, timeout: 120_000 }, async (t) => {
  const folder = scratch();
  const first = await member(folder, 'n1', 'on');
  const second = await member(folder, 'n2', 'off');
  after(async () => {
    for (const { postgres } of [second, first]) {
      await postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: TIMEOUT });
      await postgres.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });

  await t.test('a new cluster', async () => {
    assert.deepEqual((await look(first)).dataDirectory, { kind: 'empty' });
    assert.equal(await first.postgres.initialise(), 'started', first.log.join('\n'));
    assert.equal((await look(first)).isTakenOver, false, 'no callbacks during bootstrap');
    assert.equal(await first.postgres.runPostBootstrap(), true, first.log.join('\n'));
    assert.equal((await status(first)).isInRecovery, false);
    const conf = readFileSync(join(first.settings.dataDir, 'postgresql.conf'), 'utf8');
    assert.match(conf, /^include 'postgresql.base.conf'$/m);
    assert.match(conf, /^wal_level = 'replica'$/m);
    assert.ok(!conf.includes('nonsense'));
    assert.equal(statSync(join(first.settings.dataDir, 'postgresql.conf')).mode & 0o777, 0o600);
  });

  await t.test('a copy that follows', async () => {
    await first.postgres.createPhysicalSlot('n2');
    writeFileSync(join(first.settings.dataDir, 'promote'), '');
    assert.equal(await second.postgres.clone(first.upstream, { basebackupOnly: false }), true, second.log.join('\n'));
    assert.equal(existsSync(join(second.settings.dataDir, 'promote')), false, 'case 105: it would promote the copy below version 16');
    assert.equal(await second.postgres.follow(first.upstream, { role: 'replica', how: 'restart' }), 'ready', second.log.join('\n'));
    await until('streaming', async () => (await status(second)).replicationState === 'streaming');
    const sender = (await status(first)).standbys[0];
    assert.equal(sender?.applicationName, 'n2');
    assert.equal((await look(second)).systemId, (await look(first)).systemId);
    const conf = readFileSync(join(second.settings.dataDir, 'postgresql.conf'), 'utf8');
    assert.ok(!conf.includes('x:y') && conf.includes('passfile='), 'the password is in the password file only');
    assert.deepEqual(await second.postgres.compareRecovery(first.upstream), { change: false, restart: false });
    assert.deepEqual(await second.postgres.compareRecovery({ ...first.upstream, slotName: null }), { change: true, restart: false });
  });

  await t.test('case 20: a standby that is to have less than its primary starts with what that one has', async () => {
    const less = { ...second.settings, parameters: { ...second.settings.parameters, max_connections: 50 } };
    await second.postgres.applySettings(less, { force: false });
    assert.equal(await second.postgres.restart({ role: 'replica' }), 'ready', second.log.join('\n'));
    assert.deepEqual((await look(second)).pendingRestart, { max_connections: { old_value: '100', new_value: '50' } });
    await second.postgres.applySettings(second.settings, { force: false });
    assert.deepEqual((await look(second)).pendingRestart, {});
    await until('streaming', async () => (await status(second)).replicationState === 'streaming');
  });

  await t.test('synchronous standby', async () => {
    await first.postgres.setSynchronousStandbyNames('n2');
    await until('sync', async () => (await status(first)).standbys[0]?.syncState === 'sync');
  });

  await t.test('a standby that is cut off receives nothing more until it follows again', async () => {
    assert.equal((await look(second)).isCutOff, undefined);
    assert.equal(await second.postgres.stopReceiving(), true, second.log.join('\n'));
    assert.equal((await status(first)).standbys.length, 0);
    const { receiveLsn } = await status(second);
    await first.postgres.createPhysicalSlot('written_meanwhile');
    await first.postgres.checkpoint({});
    assert.ok((await status(first)).walLsn > receiveLsn);
    const seen = await look(second);
    assert.equal(seen.isCutOff, true);
    assert.equal((await status(second)).receiveLsn, receiveLsn);
    assert.equal(await second.postgres.follow(first.upstream, { role: 'replica', how: 'reload' }), 'ready');
    assert.equal((await look(second)).isCutOff, undefined);
    await until('streaming again', async () => (await status(second)).receiveLsn > receiveLsn);
  });

  await t.test('settings that need a restart are told, and taken back', async () => {
    const changed = {
      ...first.settings,
      parameters: { ...first.settings.parameters, shared_buffers: '32MB', max_connections: 120, work_mem: '8MB' },
    };
    await first.postgres.applySettings(changed, { force: false });
    assert.deepEqual((await look(first)).pendingRestart, {
      shared_buffers: { old_value: '16MB', new_value: '32MB' },
      max_connections: { old_value: '100', new_value: '120' },
    });
    assert.equal((await status(first)).synchronousStandbyNames, 'n2', 'a reload does not blank it');
    await first.postgres.applySettings(first.settings, { force: false });
    assert.deepEqual((await look(first)).pendingRestart, {});
  });

  await t.test('a setting that is taken out waits for a restart as long as another value than its default runs', async () => {
    const settled = (): Promise<void> =>
      new Promise((resolve) => {
        const end = first.postgres.subscribe((event) => {
          if (event.kind !== 'settings-settled') return;
          end();
          resolve();
        });
      });
    const { shared_buffers: _taken, ...others } = first.settings.parameters;
    const parameters = { ...first.settings.parameters, superuser_reserved_connections: 3 };
    const isDefaultWritten = settled();
    await first.postgres.applySettings({ ...first.settings, parameters }, { force: false });
    await isDefaultWritten;
    const areBothGone = settled();
    const expected = { shared_buffers: { old_value: '16MB', new_value: '128MB' } };
    await first.postgres.applySettings({ ...first.settings, parameters: others }, { force: false });
    assert.deepEqual((await look(first)).pendingRestart, expected);
    await areBothGone;
    assert.deepEqual((await look(first)).pendingRestart, expected, 'by the account of the server as well');
    await first.postgres.applySettings({ ...first.settings, parameters: others }, { force: false });
    assert.deepEqual((await look(first)).pendingRestart, expected, 'a reload that changes nothing does not forget it');
    await first.postgres.applySettings(first.settings, { force: false });
    assert.deepEqual((await look(first)).pendingRestart, {});
  });

  await t.test('settings that change while the server does not answer are applied when it does', async () => {
    const postmaster = Number(readFileSync(join(first.settings.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
    const sessions = execFileSync('pgrep', ['-P', String(postmaster), '-f', ' postgres postgres '], { encoding: 'utf8' });
    const conf = (): string => readFileSync(join(first.settings.dataDir, 'postgresql.conf'), 'utf8');
    const changed = { ...first.settings, parameters: { ...first.settings.parameters, work_mem: '12MB' } };
    process.kill(postmaster, 'SIGSTOP');
    try {
      for (const pid of sessions.trim().split('\n')) process.kill(Number(pid), 'SIGTERM');
      await first.postgres.applySettings(changed, { force: false });
      assert.ok(
        first.log.some((line) => line.includes('the settings are applied when the server answers again')),
        first.log.join('\n'),
      );
      assert.ok(!conf().includes('12MB'));
    } finally {
      process.kill(postmaster, 'SIGCONT');
    }
    await until('applied', async () => (await look(first)).status.kind === 'known' && conf().includes("work_mem = '12MB'"));
    await first.postgres.applySettings(first.settings, { force: false });
  });

  await t.test('new agents take over what runs', async () => {
    const primary = agent(first.settings, 'n1', 'on');
    const standby = agent(second.settings, 'n2', 'off');
    try {
      assert.equal((await look(primary)).role, 'primary');
      assert.equal((await status(primary)).synchronousStandbyNames, 'n2');
      assert.deepEqual((await look(primary)).pendingRestart, {});
      const seen = await look(standby);
      assert.equal(seen.role, 'replica');
      assert.equal(seen.isTakenOver, false);
      assert.deepEqual(
        await standby.postgres.compareRecovery(first.upstream),
        { change: true, restart: false },
        'its file is made ours once',
      );
      assert.equal(await standby.postgres.follow(first.upstream, { role: 'replica', how: 'reload' }), 'ready');
      standby.postgres.callback('on_start');
      assert.deepEqual(await standby.postgres.compareRecovery(first.upstream), { change: false, restart: false }, standby.log.join('\n'));
      assert.equal((await status(standby)).replicationState, 'streaming');
    } finally {
      await primary.postgres.close();
      await standby.postgres.close();
    }
  });

  await t.test('a killed standby comes to a clean end without any WAL of its own', async () => {
    const { postgres } = second;
    const { walLsn } = await status(first);
    await until('it has everything', async () => (await status(second)).replayLsn >= walLsn);
    const { receiveLsn, replayLsn } = await status(second);
    process.kill(Number(readFileSync(join(second.settings.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
    await until('it is gone', async () => !(await look(second)).isProcessRunning);
    assert.equal((await postgres.controlData())?.clusterState, 'in archive recovery');
    // What the job `end-archive-recovery` does.
    await postgres.follow(undefined, { role: 'replica', how: 'restart', timeoutMs: TIMEOUT, quiet: true });
    assert.equal(await postgres.stop({ mode: 'fast', checkpoint: false }), true);
    assert.equal((await postgres.controlData())?.clusterState, 'shut down in recovery');
    const local = await postgres.localPosition();
    assert.ok(local !== undefined && local !== 'half-rewound' && local.isInRecovery && local.timeline === 1);
    assert.ok(local.lsn <= (receiveLsn > replayLsn ? receiveLsn : replayLsn), 'its history ends where the primary wrote it');
    assert.equal(await postgres.follow(first.upstream, { role: 'replica', how: 'restart' }), 'ready', second.log.join('\n'));
    await until('streaming again', async () => (await status(second)).replicationState === 'streaming');
  });

  await t.test('failover and rewind of the old primary', async () => {
    const { postgres } = second;
    // What the standby does not get is what has to be rewound.
    assert.equal(await postgres.follow(undefined, { role: 'replica', how: 'reload' }), 'ready');
    await until('not streaming', async () => (await status(first)).standbys.length === 0);
    await first.postgres.setSynchronousStandbyNames(undefined);
    await first.postgres.createPhysicalSlot('something');
    await first.postgres.checkpoint({});
    assert.equal(await postgres.promote({ timeoutMs: TIMEOUT, leastTimeline: 2 }), 'promoted');
    assert.equal(await postgres.checkpoint({}), true);
    assert.equal(await postgres.cloneObstacle(first.upstream), undefined);
    assert.equal(await first.postgres.stop({ mode: 'fast', checkpoint: true }), true);
    assert.match((await postgres.cloneObstacle(first.upstream)) ?? '', /ECONNREFUSED|Connection refused/i);
    const local = await first.postgres.localPosition();
    const leader = await first.postgres.leaderTimelines(second.upstream);
    assert.ok(
      local !== undefined && local !== 'half-rewound' && local.timeline === 1 && leader.kind === 'known' && leader.timeline === 2,
      leader.kind,
    );
    assert.equal(await first.postgres.canRewind(), true);
    assert.deepEqual(await first.postgres.rewind(second.upstream), { kind: 'done' }, first.log.join('\n'));
    await postgres.createPhysicalSlot('n1');
    assert.equal(await first.postgres.follow(second.upstream, { role: 'replica', how: 'restart' }), 'ready');
    await until('streaming again', async () => (await status(first)).receivedTimeline === 2);
    assert.equal((await look(first)).role, 'replica');
  });
});
