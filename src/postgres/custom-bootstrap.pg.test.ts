import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { binDir, freePort, memoryLog, postgresSettings, scratch, until, whyNoPostgres } from '../../test/support/postgres-server.js';
import { milliseconds } from '../base/duration.js';
import { nodeClock } from '../platform/node-clock.js';
import { nodeRandom } from '../platform/node-random.js';
import { LocalPostgres } from './local-postgres.js';

test('a custom bootstrap ends with our own rules of access', { skip: whyNoPostgres() ?? false, timeout: 60_000 }, async () => {
  const folder = scratch();
  const dataDir = join(folder, 'data');
  const log: string[] = [];
  const settings = postgresSettings(dataDir, await freePort(), {
    useUnixSocket: false,
    useUnixSocketRepl: false,
    pgpass: join(folder, 'pgpass'),
    superuser: { username: 'postgres', password: 'secret' },
    replication: { username: 'replicator', password: 'x' },
    parameters: { unix_socket_directories: folder, max_connections: 100, wal_level: 'hot_standby', hot_standby: 'on' },
    pgHba: ['host all all 127.0.0.1/32 scram-sha-256'],
  });
  const command = `${binDir()}/initdb --no-sync --username=postgres --auth=reject ${dataDir}`;
  const recovery = { restore_command: 'false', recovery_target_action: 'promote' };
  const postgres = new LocalPostgres({
    settings,
    bootstrap: {
      dcs: {},
      method: 'mine',
      initdb: [],
      pgHba: [],
      postBootstrap: undefined,
      methods: { mine: { command, no_params: true, recovery_conf: recovery } },
    },
    name: 'n1',
    scope: 'demo',
    clock: nodeClock,
    random: nodeRandom,
    log: memoryLog(log),
    environment: { PATH: process.env['PATH'] ?? '' },
    retryTimeoutMs: () => 10_000,
    synchronousMode: () => 'off',
  });
  after(async () => {
    await postgres.stop({ mode: 'immediate', checkpoint: false });
    await postgres.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const look = (): ReturnType<LocalPostgres['observe']> => postgres.observe({ timeoutMs: milliseconds(5000), withSynchronousState: false });

  await look();
  assert.equal(await postgres.initialise(), 'started', log.join('\n'));
  await until('end of recovery', async () => {
    const { status } = await look();
    return status.kind === 'known' && !status.value.isInRecovery;
  });
  postgres.setRole('primary');
  assert.match(readFileSync(join(dataDir, 'pg_hba.conf'), 'utf8'), /trust/);
  assert.equal(await postgres.runPostBootstrap(), true, log.join('\n'));
  assert.equal((await look()).status.kind, 'known', 'the password works');
  assert.doesNotMatch(readFileSync(join(dataDir, 'pg_hba.conf'), 'utf8'), /trust/);
  assert.equal(existsSync(join(dataDir, 'recovery.signal')), false);
  assert.doesNotMatch(readFileSync(join(dataDir, 'postgresql.conf'), 'utf8'), /restore_command/);
});
