import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../test/support/free-port.js';
import { binDir, postgresSettings, surroundings, until, whyNoPostgres } from '../../test/support/postgres-server.js';
import { scratch } from '../../test/support/scratch.js';
import { milliseconds } from '../base/duration.js';
import { LocalPostgres } from './local-postgres.js';

interface Restore {
  readonly postgres: LocalPostgres;
  readonly dataDir: string;
  readonly log: readonly string[];
  text(name: string): string;
  /** Waits for the end of recovery and finishes the bootstrap. */
  finish(): Promise<void>;
}

async function restored(section: Readonly<Record<string, unknown>>, left: string, use: (restore: Restore) => Promise<void>): Promise<void> {
  const folder = scratch();
  const dataDir = join(folder, 'data');
  const told = join(folder, 'told');
  const log: string[] = [];
  const settings = postgresSettings(dataDir, await freePort(), {
    useUnixSocket: false,
    useUnixSocketRepl: false,
    pgpass: join(folder, 'pgpass'),
    superuser: { username: 'postgres', password: 'secret' },
    replication: { username: 'replicator', password: 'x' },
    parameters: { unix_socket_directories: folder, max_connections: 100, wal_level: 'hot_standby', hot_standby: 'on' },
    pgHba: ['host all all 127.0.0.1/32 scram-sha-256'],
    callbacks: { on_start: `sh -c 'echo told >> ${told}'`, on_restart: `sh -c 'echo told >> ${told}'` },
  });
  const initdb = `${binDir()}/initdb --no-sync --username=postgres --auth=reject ${dataDir}`;
  const command = `sh -c '${initdb} && cd ${dataDir} && ${left}'`;
  const postgres = new LocalPostgres({
    settings,
    bootstrap: {
      dcs: {},
      method: 'mine',
      initdb: [],
      pgHba: [],
      postBootstrap: undefined,
      methods: { mine: { command, no_params: true, ...section } },
    },
    ...surroundings(log),
  });
  const look = (): ReturnType<LocalPostgres['observe']> => postgres.observe({ timeoutMs: milliseconds(5000), withSynchronousState: false });
  const finish = async (): Promise<void> => {
    await until('end of recovery', async () => {
      const { status } = await look();
      return status.kind === 'known' && !status.value.isInRecovery;
    });
    postgres.setRole('primary');
    assert.equal(await postgres.runPostBootstrap(), true, log.join('\n'));
    assert.equal((await look()).status.kind, 'known', 'the password works');
    assert.equal(existsSync(told), false, 'case 39: no callback during a bootstrap');
  };
  try {
    await look();
    assert.equal(await postgres.initialise(), 'started', log.join('\n'));
    await use({ postgres, dataDir, log, finish, text: (name) => readFileSync(join(dataDir, name), 'utf8') });
  } finally {
    await postgres.stop({ mode: 'immediate', checkpoint: false, quiet: true });
    await postgres.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const skip = whyNoPostgres() ?? false;

test('case 93: a custom bootstrap with recovery_conf recovers, and ends with our own rules of access', { skip, timeout: 60_000 }, () =>
  restored(
    { recovery_conf: { restore_command: 'false', recovery_target_action: 'promote' } },
    'true',
    async ({ dataDir, text, finish }) => {
      assert.match(text('postmaster.opts'), /"--hot_standby=off"/, 'nobody gets in before the target');
      assert.match(text('pg_hba.conf'), /trust/);
      await finish();
      assert.doesNotMatch(text('pg_hba.conf'), /trust/);
      assert.equal(existsSync(join(dataDir, 'recovery.signal')), false);
      assert.doesNotMatch(text('postgresql.conf'), /restore_command/);
    },
  ),
);

test('case 94: a custom bootstrap that brings its own recovery configuration keeps it until the end', { skip, timeout: 60_000 }, () =>
  restored(
    { keep_existing_recovery_conf: true },
    'touch recovery.signal && echo "restore_command = false" >> postgresql.auto.conf',
    async ({ dataDir, text, finish, log }) => {
      assert.match(text('postgresql.auto.conf'), /^restore_command = false$/m);
      assert.match(text('postmaster.opts'), /"--hot_standby=off"/);
      await finish();
      assert.equal(existsSync(join(dataDir, 'recovery.signal')), false);
      assert.doesNotMatch(text('postgresql.auto.conf'), /restore_command/);
      assert.ok(existsSync(join(dataDir, 'pg_wal', '00000002.history')), log.join('\n'));
    },
  ),
);
