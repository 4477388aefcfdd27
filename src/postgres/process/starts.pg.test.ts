// postgres.md §31: what a start makes of the server, and what a look at it tells, on a real server.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
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

function pgTest(name: string, use: (server: LocalServer) => Promise<void>, settings: Partial<PostgresSettings> = {}): void {
  test(name, { skip, timeout: 60_000 }, () => withLocalServer(() => settings, use));
}

async function timed<T>(work: Promise<T>): Promise<readonly [T, number]> {
  const begin = clock.monotonic();
  return [await work, clock.monotonic() - begin];
}

pgTest(
  'cases 13 and 15: a server in a long recovery is not ready after pg_ctl_timeout, still starting, and tells on_start once when it opens',
  async (server) => {
    server.makeClosedStandby();
    const [outcome, tookMs] = await timed(server.postgres.start({}));
    assert.equal(outcome, 'pending', server.log.join('\n'));
    assert.ok(tookMs >= 1000 && tookMs < 20_000, `${tookMs} ms`);
    assert.equal((await server.look()).state, 'starting');
    assert.deepEqual(server.callbacks(), []);
    server.byHand('promote');
    await until('running', async () => (await server.look()).state === 'running');
    await server.look();
    await server.callbacksAre('on_start replica demo');
  },
  { pgCtlTimeout: 1 },
);

pgTest('case 16: the same with a limit of its own is a failure', async (server) => {
  server.makeClosedStandby();
  const [outcome, tookMs] = await timed(server.postgres.start({ timeoutMs: milliseconds(1000) }));
  assert.deepEqual([outcome, (await server.look()).state], ['failed', 'starting']);
  assert.ok(tookMs >= 1000 && tookMs < 20_000, `${tookMs} ms`);
});

pgTest('case 14: a server that ends while it is waited for', async (server) => {
  appendFileSync(join(server.dataDir, 'postgresql.auto.conf'), "shared_buffers = 'nonsense'\n");
  assert.deepEqual([await server.postgres.start({}), (await server.look()).state], ['failed', 'start failed']);
  assert.ok(server.log.includes('error postmaster is not running'), server.log.join('\n'));
});

pgTest('cases 17 and 18: no second server is started beside a running one, none at all after a cancellation', async (server) => {
  await server.postgres.cancel();
  assert.equal(await server.postgres.start({}), 'failed');
  assert.equal(server.pid(), undefined);
  server.postgres.resetCancellation();
  assert.equal(await server.postgres.start({}), 'ready', server.log.join('\n'));
  const pid = server.pid();
  assert.equal(await server.postgres.start({}), 'ready');
  assert.deepEqual([server.pid(), (await server.look()).state], [pid, 'running']);
  assert.equal(server.log.filter((line) => line.includes('postmaster pid=')).length, 1);
});

pgTest(
  'case 19: without the binary',
  async (server) => {
    assert.equal(await server.postgres.start({}), 'failed');
    assert.equal((await server.look()).state, 'start failed');
  },
  { binDir: '/nonexistent' },
);

pgTest('case 33: a server that is only just being started is killed', async (server) => {
  server.makeClosedStandby();
  const starting = server.postgres.start({});
  await until('spawned', () => server.log.some((line) => line.includes('postmaster pid=')));
  await server.postgres.killSpawned();
  assert.equal(await starting, 'failed', server.log.join('\n'));
  assert.equal(server.postgres.postmaster(), undefined);
});

pgTest('case 40: a server that was killed and started again behind our back is asked on a new connection', async (server) => {
  assert.equal(await server.postgres.start({}), 'ready', server.log.join('\n'));
  assert.equal((await server.look()).status.kind, 'known');
  process.kill(server.pid() ?? 0, 'SIGKILL');
  await until('started by hand, when the last backend is gone', () => {
    try {
      server.byHand('-w', 'start');
      return true;
    } catch {
      return false;
    }
  });
  const seen = await server.look();
  assert.deepEqual([seen.status.kind, seen.state, seen.role], ['known', 'running', 'primary']);
});

pgTest('case 41: a status query that is cancelled after two seconds says nothing of the role', async (server) => {
  assert.equal(await server.postgres.start({}), 'ready', server.log.join('\n'));
  await server.look();
  const blocker = await connect(server.target, { clock });
  await blocker.query('BEGIN');
  await blocker.query('LOCK TABLE pg_catalog.pg_database IN ACCESS EXCLUSIVE MODE');
  const seen = await server.look();
  blocker.close();
  assert.match(seen.status.kind === 'unavailable' ? seen.status.error : seen.status.kind, /statement timeout/);
  assert.deepEqual([seen.role, seen.state, seen.isProcessRunning], ['primary', 'running', true]);
  assert.equal((await server.look()).status.kind, 'known');
});

pgTest('case 42: a running server that turns everybody away is starting again', async (server) => {
  assert.equal(await server.postgres.start({}), 'ready', server.log.join('\n'));
  assert.equal((await server.look()).state, 'running');
  server.byHand('-w', '-m', 'fast', 'stop');
  server.makeClosedStandby();
  server.byHand('-W', 'start');
  await until('it turns us away', async () => {
    const seen = await server.look();
    assert.equal(seen.status.kind === 'known', false);
    return seen.state === 'starting';
  });
});
