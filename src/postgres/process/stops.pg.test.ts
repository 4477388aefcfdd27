// postgres.md §31: stops, restarts and promotions of a real server, their scripts and their callbacks.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type LocalServer, withLocalServer } from '../../../test/support/local-server.js';
import { until, whyNoPostgres } from '../../../test/support/postgres-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import type { PostgresSettings } from '../../ports/settings.js';
import { connect } from '../query/connect.js';

const skip = whyNoPostgres() ?? false;
const clock = nodeClock;
const SOON = 1000;

function pgTest(
  name: string,
  use: (server: LocalServer) => Promise<void>,
  settings: (folder: string) => Partial<PostgresSettings> = () => ({}),
): void {
  test(name, { skip, timeout: 60_000 }, () =>
    withLocalServer(settings, async (server) => {
      assert.equal(await server.postgres.start({}), 'ready', server.log.join('\n'));
      await use(server);
    }),
  );
}

const clusterState = async ({ postgres }: LocalServer): Promise<string | undefined> => (await postgres.controlData())?.clusterState;
const inAWhile = (ms: number) => {
  const at = milliseconds(clock.monotonic() + ms);
  return () => at;
};
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/root`);

pgTest('case 23: a fast stop of an idle server', async (server) => {
  const pid = server.pid() ?? 0;
  assert.equal(await server.postgres.stop({ mode: 'fast', checkpoint: true }), true);
  assert.deepEqual([await clusterState(server), (await server.look()).state, isAlive(pid)], ['shut down', 'stopped', false]);
  await server.callbacksAre('on_start primary demo', 'on_stop primary demo');
});

pgTest('case 24: an immediate one leaves the work to the next start', async (server) => {
  assert.equal(await server.postgres.stop({ mode: 'immediate', checkpoint: false }), true);
  assert.deepEqual([await clusterState(server), (await server.look()).state], ['in production', 'stopped']);
});

pgTest(
  'case 25: a before_stop that fails is told, and stops nothing',
  async (server) => {
    assert.equal(await server.postgres.stop({ mode: 'fast', checkpoint: false }), true);
    assert.ok(existsSync(join(server.dataDir, '..', 'asked')));
    assert.ok(server.log.includes('warning before_stop script exited with 3'), server.log.join('\n'));
  },
  (folder) => ({ beforeStop: `sh -c 'touch ${folder}/asked; exit 3'` }),
);

const hanging = (folder: string) => ({ beforeStop: `sh -c 'sleep 600 & echo $! > ${folder}/asked; wait'` });

pgTest(
  'case 25: a before_stop that hangs is ended when the lease does, with what it started',
  async (server) => {
    const begin = clock.monotonic();
    const stop = server.postgres.stop({ mode: 'fast', checkpoint: false, signalBy: inAWhile(SOON) });
    assert.equal(await stop, true);
    assert.ok(clock.monotonic() - begin >= SOON);
    assert.equal(await clusterState(server), 'shut down');
    assert.ok(server.log.includes('warning before_stop is ended: the server must be stopped now'), server.log.join('\n'));
    assert.ok(existsSync(join(server.dataDir, '..', 'asked')));
    assert.equal(await server.postgres.start({}), 'ready');
    assert.equal(await server.postgres.stop({ mode: 'immediate', checkpoint: false, signalBy: inAWhile(0) }), true);
    assert.ok(server.log.includes('warning before_stop is not run: the server must be stopped now'));
  },
  hanging,
);

pgTest(
  'case 25: a second stop is not held up by the before_stop of the first',
  async (server) => {
    const first = server.postgres.stop({ mode: 'fast', checkpoint: false, signalBy: inAWhile(SOON * 20) });
    await until('before_stop runs', () => existsSync(join(server.dataDir, '..', 'asked')));
    const begin = clock.monotonic();
    assert.equal(await server.postgres.stop({ mode: 'immediate', checkpoint: false, signalBy: inAWhile(SOON) }), true);
    assert.ok(clock.monotonic() - begin < SOON * 10);
    await server.postgres.cancel();
    assert.equal(await first, true);
  },
  hanging,
);

pgTest('a checkpoint that hangs does not hold up a stop beyond the lease', async (server) => {
  const session = await connect(server.target, { clock });
  const rows = await session.query("SELECT pid FROM pg_catalog.pg_stat_activity WHERE backend_type = 'checkpointer'");
  session.close();
  process.kill(Number(rows[0]?.['pid']), 'SIGSTOP');
  const begin = clock.monotonic();
  const timeoutMs = milliseconds(SOON);
  assert.equal(await server.postgres.stop({ mode: 'fast', checkpoint: true, timeoutMs, signalBy: inAWhile(SOON) }), true);
  assert.ok(clock.monotonic() - begin < SOON * 20);
  assert.equal(server.postgres.postmaster(), undefined);
});

pgTest('case 27: a stop that does not get to its checkpoint in time ends at once, and gives nothing away', async (server) => {
  const session = await connect(server.target, { clock });
  const rows = await session.query('SELECT pg_catalog.pg_backend_pid() AS pid');
  process.kill(Number(rows[0]?.['pid']), 'SIGSTOP');
  let calls = 0;
  const onShutdownCheckpoint = async (): Promise<void> => void calls++;
  const begin = clock.monotonic();
  const limit = 4000;
  assert.equal(await server.postgres.stop({ mode: 'fast', checkpoint: false, timeoutMs: milliseconds(limit), onShutdownCheckpoint }), true);
  const took = clock.monotonic() - begin;
  assert.ok(took >= limit && took < 2 * limit, `${took} ms: the limit is not given twice`);
  assert.deepEqual([calls, await clusterState(server)], [0, 'in production']);
});

pgTest('case 29: the stop of a standby gives nothing away', async (server) => {
  await server.postgres.stop({ mode: 'fast', checkpoint: false, quiet: true });
  writeFileSync(join(server.dataDir, 'standby.signal'), '');
  assert.equal(await server.postgres.start({ role: 'replica' }), 'ready', server.log.join('\n'));
  let calls = 0;
  assert.equal(await server.postgres.stop({ mode: 'fast', checkpoint: true, onShutdownCheckpoint: async () => void calls++ }), true);
  assert.deepEqual([calls, await clusterState(server)], [0, 'shut down in recovery']);
});

pgTest('cases 32 and 37: a restart tells on_restart, a promotion on_role_change, and nothing else', async (server) => {
  await server.postgres.stop({ mode: 'fast', checkpoint: false, quiet: true });
  writeFileSync(join(server.dataDir, 'standby.signal'), '');
  assert.equal(await server.postgres.start({ role: 'replica', quiet: true }), 'ready', server.log.join('\n'));
  assert.equal(await server.postgres.restart({ role: 'replica' }), 'ready', server.log.join('\n'));
  await server.callbacksAre('on_start primary demo', 'on_restart replica demo');
  assert.equal(await server.postgres.promote({ timeoutMs: milliseconds(20_000), leastTimeline: 2 }), 'promoted');
  assert.deepEqual([(await server.look()).state, (await server.look()).role], ['running', 'primary']);
  await server.callbacksAre('on_start primary demo', 'on_restart replica demo', 'on_role_change primary demo');
});
