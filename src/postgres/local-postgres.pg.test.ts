import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../test/support/free-port.js';
import { plainConfiguration } from '../../test/support/plain-configuration.js';
import { binDir, initdb, memoryLog, postgresSettings, until, whyNoPostgres } from '../../test/support/postgres-server.js';
import { scratch } from '../../test/support/scratch.js';
import { milliseconds } from '../base/duration.js';
import { parseLsn } from '../base/lsn.js';
import { nodeClock } from '../platform/node-clock.js';
import { nodeRandom } from '../platform/node-random.js';
import type { PostgresObservation } from '../ports/postgres.js';
import { LocalPostgres } from './local-postgres.js';

const skip = whyNoPostgres() ?? false;
const TIMEOUT = milliseconds(5000);

function open(dataDir: string, port: number, name: string, lines: string[] = []): LocalPostgres {
  return new LocalPostgres(
    {
      settings: postgresSettings(dataDir, port),
      bootstrap: undefined,
      name,
      scope: 'demo',
      clock: nodeClock,
      random: nodeRandom,
      log: memoryLog(lines),
      environment: { PATH: process.env['PATH'] ?? '', PATRONI_SCOPE: 'demo', NOTIFY_SOCKET: '/none' },
      retryTimeoutMs: () => 10_000,
      synchronousMode: () => 'off',
    },
    plainConfiguration(dataDir, port),
  );
}

const look = (server: LocalPostgres): Promise<PostgresObservation> => server.observe({ timeoutMs: TIMEOUT, withSynchronousState: true });

function postmasterPid(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

test('the life of a primary and its standby', { skip, timeout: 120_000 }, async (t) => {
  const folder = scratch();
  const dataDir = join(folder, 'n1');
  const log: string[] = [];
  const port = await freePort();
  initdb(dataDir);
  const server = open(dataDir, port, 'n1', log);
  const events: string[] = [];
  server.subscribe((event) => events.push(event.kind));

  after(async () => {
    await server.stop({ mode: 'immediate', checkpoint: false, timeoutMs: TIMEOUT });
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await t.test('before the first start', async () => {
    const seen = await look(server);
    assert.deepEqual(seen.dataDirectory, { kind: 'present' });
    assert.equal(seen.role, 'demoted', 'a stopped primary is not announced as one');
    assert.equal(seen.state, 'stopped');
    assert.equal(seen.status.kind, 'not-running');
  });

  await t.test('start', async () => {
    const begin = nodeClock.monotonic();
    assert.equal(await server.start({}), 'ready', log.join('\n'));
    t.diagnostic(`start: ${Math.round(nodeClock.monotonic() - begin)} ms`);
    assert.deepEqual(events, ['ready']);
    const seen = await look(server);
    assert.equal(seen.state, 'running');
    assert.equal(seen.role, 'primary');
    assert.equal(seen.isTakenOver, true);
    assert.ok(seen.status.kind === 'known');
    assert.equal(seen.status.value.isInRecovery, false);
    assert.equal(seen.status.value.primaryTimeline, 1);
    assert.ok(seen.status.value.walLsn > 0n);
    assert.match(seen.status.value.postmasterStartTime, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$/);
    assert.equal(Math.floor(seen.status.value.serverVersion / 10_000) * 10_000, seen.majorVersion);
    assert.equal(seen.systemId, (await server.controlData())?.systemId);
  });

  await t.test('the server is in its own session and no child of ours', () => {
    const pid = postmasterPid(dataDir);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    assert.notEqual(Number(stat[1]), process.pid);
    const ownSession = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[3];
    assert.notEqual(stat[3], ownSession);
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    assert.ok(!environment.includes('PATRONI_SCOPE') && !environment.includes('NOTIFY_SOCKET'));
  });

  await t.test('a new agent finds the running server', async () => {
    const other = open(dataDir, port, 'n1');
    const seen = await look(other);
    assert.equal(seen.state, 'running');
    assert.equal(seen.role, 'primary');
    assert.equal(seen.isTakenOver, false);
    await other.close();
  });

  await t.test('slots', async () => {
    await server.createPhysicalSlot('n2');
    await server.createPhysicalSlot('n2');
    const seen = await look(server);
    assert.ok(seen.status.kind === 'known');
    const slot = seen.status.value.slots.find(({ name }) => name === 'n2');
    assert.equal(slot?.type, 'physical');
    assert.equal(slot?.isActive, false);
    assert.ok(slot?.restartLsn !== undefined);
    await server.advancePhysicalSlot('n2', seen.status.value.walLsn);
    assert.equal(await server.dropSlot('n2'), true);
    assert.equal(await server.dropSlot('nobody'), true);
  });

  await t.test('kill -9 is noticed at once, and a restart works', async () => {
    await look(server);
    events.length = 0;
    const begin = nodeClock.monotonic();
    process.kill(postmasterPid(dataDir), 'SIGKILL');
    await until('process-ended', () => events.includes('process-ended'), 5000);
    const elapsed = nodeClock.monotonic() - begin;
    t.diagnostic(`crash noticed: ${Math.round(elapsed)} ms`);
    assert.ok(elapsed < 500, `${elapsed} ms`);
    const seen = await look(server);
    assert.equal(seen.isProcessRunning, false);
    assert.equal(seen.status.kind, 'not-running');
    // Orphaned backends hold the shared memory for a moment; the server refuses to start until they are gone.
    await until('start after crash', async () => (await server.start({})) === 'ready');
  });

  await t.test('a server that hangs is slow, not dead', async () => {
    process.kill(postmasterPid(dataDir), 'SIGSTOP');
    const backend = Number(
      execFileSync('sh', ['-c', `cat /proc/${postmasterPid(dataDir)}/task/*/children`], { encoding: 'utf8' })
        .trim()
        .split(' ')[0],
    );
    assert.ok(backend > 0);
    const begin = nodeClock.monotonic();
    const seen = await server.observe({ timeoutMs: milliseconds(800), withSynchronousState: false });
    process.kill(postmasterPid(dataDir), 'SIGCONT');
    assert.ok(nodeClock.monotonic() - begin < 2500);
    assert.equal(seen.isProcessRunning, true);
    assert.equal(seen.role, 'primary');
    assert.equal((await look(server)).status.kind, 'known');
  });

  await t.test('stop tells of the shutdown checkpoint', async () => {
    let safepoints = 0;
    const positions: bigint[] = [];
    const begin = nodeClock.monotonic();
    const isStopped = await server.stop({
      mode: 'fast',
      checkpoint: true,
      onSafepoint: () => safepoints++,
      onShutdownCheckpoint: async ({ checkpoint, previous }) => void positions.push(checkpoint, previous),
    });
    t.diagnostic(`stop: ${Math.round(nodeClock.monotonic() - begin)} ms`);
    assert.equal(isStopped, true);
    assert.ok(safepoints > 0);
    const control = await server.controlData();
    assert.equal(control?.clusterState, 'shut down');
    assert.equal(positions[0], control?.checkpointLsn);
    assert.deepEqual(await server.shutdownPositions(), { checkpoint: positions[0], previous: positions[1] });
    assert.equal((await look(server)).state, 'stopped');
  });

  await t.test('restart and reload', async () => {
    assert.equal(await server.start({}), 'ready');
    const before = postmasterPid(dataDir);
    const begin = nodeClock.monotonic();
    assert.equal(await server.restart({}), 'ready');
    t.diagnostic(`restart: ${Math.round(nodeClock.monotonic() - begin)} ms`);
    assert.notEqual(postmasterPid(dataDir), before);
    await server.setSynchronousStandbyNames('n2');
    await until('synchronous_standby_names', async () => {
      const seen = await look(server);
      return seen.status.kind === 'known' && seen.status.value.synchronousStandbyNames === 'n2';
    });
    await server.setSynchronousStandbyNames(undefined);
  });

  await t.test('a standby follows and is promoted', async (s) => {
    const standbyDir = join(folder, 'n2');
    const basebackup = join(binDir() ?? '', 'pg_basebackup');
    execFileSync(basebackup, ['-D', standbyDir, '-h', dataDir, '-p', String(port), '-U', 'postgres', '-N', '-c', 'fast'], {
      stdio: 'ignore',
    });
    const standbyPort = await freePort();
    const standby = open(standbyDir, standbyPort, 'n2');
    s.after(async () => {
      await standby.stop({ mode: 'immediate', checkpoint: false, timeoutMs: TIMEOUT });
      await standby.close();
    });
    await look(standby);
    const upstream = { name: 'n1', kind: 'member', connUrl: `host=${dataDir} port=${port} user=postgres` } as const;
    assert.equal(await standby.follow(upstream, { role: 'replica', how: 'restart' }), 'ready');
    await until('streaming', async () => {
      const seen = await look(standby);
      return seen.status.kind === 'known' && seen.status.value.replicationState === 'streaming';
    });
    assert.equal(await standby.replicaTimeline(), 1);
    assert.equal((await look(standby)).role, 'replica');
    await until('the primary sees it', async () => {
      const seen = await look(server);
      return seen.status.kind === 'known' && seen.status.value.standbys.some(({ applicationName }) => applicationName === 'n2');
    });
    assert.equal(await standby.follow(undefined, { role: 'replica', how: 'reload' }), 'ready');
    await until('no streaming', async () => {
      const seen = await look(standby);
      return seen.status.kind === 'known' && seen.status.value.replicationState === undefined;
    });
    const begin = nodeClock.monotonic();
    assert.equal(await standby.promote({ timeoutMs: milliseconds(10_000), leastTimeline: 4 }), 'promoted');
    t.diagnostic(`promote: ${Math.round(nodeClock.monotonic() - begin)} ms`);
    const seen = await look(standby);
    assert.equal(seen.role, 'primary');
    // Timelines 2 and 3 may have been used by a member that this server never saw: they are left out, and leave no trace.
    assert.ok(seen.status.kind === 'known' && seen.status.value.primaryTimeline === 4);
    const history = await standby.timelineHistory(4);
    assert.deepEqual(
      history.map(({ timeline }) => timeline),
      [1],
    );
    assert.deepEqual(
      (await readdir(join(standbyDir, 'pg_wal'))).filter((name) => name.endsWith('.history')),
      ['00000004.history'],
    );
    assert.ok((history[0]?.lsn ?? 0n) > (parseLsn('0/0') ?? 0n));
  });
});
