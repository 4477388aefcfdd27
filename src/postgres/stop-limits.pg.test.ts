// A stop ends within its limit whatever holds the server up, and nothing of it writes afterwards.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../test/support/free-port.js';
import { plainConfiguration } from '../../test/support/plain-configuration.js';
import { initdb, memoryLog, postgresSettings, whyNoPostgres } from '../../test/support/postgres-server.js';
import { scratch } from '../../test/support/scratch.js';
import { milliseconds } from '../base/duration.js';
import { nodeClock } from '../platform/node-clock.js';
import { nodeRandom } from '../platform/node-random.js';
import { LocalPostgres } from './local-postgres.js';
import { lookByNewConnection } from './probe/new-connection.js';
import { connect } from './query/connect.js';

const skip = whyNoPostgres() ?? false;
const clock = nodeClock;

interface Running {
  readonly server: LocalPostgres;
  readonly target: Readonly<Record<string, string>>;
  readonly postmaster: number;
  readonly log: readonly string[];
}

async function withServer(settings: string, use: (running: Running) => Promise<void>): Promise<void> {
  const folder = scratch();
  const dataDir = join(folder, 'd');
  const port = await freePort();
  const log: string[] = [];
  initdb(dataDir);
  appendFileSync(join(dataDir, 'postgresql.auto.conf'), settings);
  const server = new LocalPostgres(
    {
      settings: postgresSettings(dataDir, port),
      bootstrap: undefined,
      name: 'n1',
      scope: 'demo',
      clock,
      random: nodeRandom,
      log: memoryLog(log),
      environment: { PATH: process.env['PATH'] ?? '' },
      retryTimeoutMs: () => 10_000,
      synchronousMode: () => 'off',
    },
    plainConfiguration(dataDir, port),
  );
  try {
    assert.equal(await server.start({}), 'ready', log.join('\n'));
    const postmaster = Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
    await use({ server, target: plainConfiguration(dataDir, port).localTarget(), postmaster, log });
  } finally {
    await server.stop({ mode: 'immediate', checkpoint: false, timeoutMs: milliseconds(2000) });
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test('primary_stop_timeout ends a stop that archive_command holds up', { skip, timeout: 60_000 }, () =>
  withServer("archive_mode = on\narchive_command = 'sleep 100'\n", async ({ server, target, postmaster, log }) => {
    const session = await connect(target, { clock });
    await session.query('CREATE TABLE public.t AS SELECT 1');
    await session.query('SELECT pg_switch_wal()');
    session.close();
    const begin = clock.monotonic();
    let checkpointAt = 0;
    const onShutdownCheckpoint = async (): Promise<void> => {
      checkpointAt = clock.monotonic() - begin;
    };
    assert.equal(await server.stop({ mode: 'fast', checkpoint: true, timeoutMs: milliseconds(3000), onShutdownCheckpoint }), true);
    const took = clock.monotonic() - begin;
    assert.ok(checkpointAt > 0 && checkpointAt < took, 'the lock can be given away before');
    assert.ok(took >= 2900 && took < 15_000, `${Math.round(took)} ms`);
    assert.ok(!existsSync(`/proc/${postmaster}/root`));
    assert.ok(log.some((line) => line.includes('Timeout during postmaster stop')));
  }),
);

test('patroni-1371: a stopped postmaster: a new connection tells, and no session outlives the stop', { skip, timeout: 60_000 }, () =>
  withServer('', async ({ server, target, postmaster }) => {
    assert.deepEqual((await lookByNewConnection(target, 150_000, 5000, clock)).connection, { kind: 'fine' });
    const kept = await connect(target, { clock });
    process.kill(postmaster, 'SIGSTOP');
    assert.equal((await lookByNewConnection(target, 150_000, 1000, clock)).connection.kind, 'no-new-connections');
    await kept.query('CREATE TABLE public.t AS SELECT 1');
    assert.equal(await server.stop({ mode: 'immediate', checkpoint: false, timeoutMs: milliseconds(1000) }), true);
    await assert.rejects(kept.query('INSERT INTO public.t VALUES (2)'));
  }),
);

test(
  'T178: ours: a session that never ends: one primary_stop_timeout for all stages, then SIGQUIT, then SIGKILL, and no safe point before',
  {
    skip,
    timeout: 60_000,
  },
  () =>
    withServer('', async ({ server, target, log }) => {
      const session = await connect(target, { clock });
      const rows = await session.query('SELECT pg_backend_pid() AS pid');
      const backend = Number(rows[0]?.['pid']);
      process.kill(backend, 'SIGSTOP');
      const [begin, limit] = [clock.monotonic(), 2000];
      const safepoints: { readonly at: number; readonly isBackendGone: boolean }[] = [];
      const onSafepoint = (): void =>
        void safepoints.push({ at: clock.monotonic() - begin, isBackendGone: !existsSync(`/proc/${backend}/root`) });
      assert.equal(await server.stop({ mode: 'fast', checkpoint: false, timeoutMs: milliseconds(limit), onSafepoint }), true);
      const took = clock.monotonic() - begin;
      assert.ok(!existsSync(`/proc/${backend}/root`), 'the session is gone');
      assert.ok(
        safepoints.length > 0 && safepoints.every(({ at, isBackendGone }) => at >= limit && isBackendGone),
        JSON.stringify(safepoints),
      );
      assert.ok(took >= 2 * limit - 200 && took < 2 * limit + 10_000, `${Math.round(took)} ms`);
      for (const line of ['client backends are still alive', 'Timeout during postmaster stop', 'Sending SIGKILL'])
        assert.ok(
          log.some((each) => each.includes(line)),
          log.join('\n'),
        );
    }),
);
