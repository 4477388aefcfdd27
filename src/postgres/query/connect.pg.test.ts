import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../../../test/support/free-port.js';
import { binDir, initdb, until, whyNoPostgres } from '../../../test/support/postgres-server.js';
import { scratch } from '../../../test/support/scratch.js';
import { nodeClock } from '../../platform/node-clock.js';
import { probe } from '../process/probe.js';
import { connect } from './connect.js';
import { ConnectionProblem, QueryFailed } from './errors.js';
import type { ConnectionParameters } from './session.js';

function whyNot(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return whyNoPostgres();
  } catch {
    return 'no openssl to make a certificate';
  }
}

const skip = whyNot() ?? false;
const folder = skip ? '' : scratch();
const dataDir = join(folder, 'data');
const certificate = join(dataDir, 'server.crt');
const key = join(dataDir, 'server.key');
let port = '';
let stop: () => void = () => undefined;

before(async () => {
  if (skip) return;
  initdb(dataDir);
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-new', '-x509', '-days', '2', '-nodes', ...name, '-out', certificate, '-keyout', key], {
    stdio: 'ignore',
  });
  chmodSync(key, 0o600);
  writeFileSync(join(dataDir, 'pg_hba.conf'), 'hostssl all all all scram-sha-256\nlocal all all trust\n');
  port = String(await freePort());
  const options = ['ssl=on', `port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`].flatMap((o) => ['-c', o]);
  const server = spawn(join(binDir() ?? '', 'postgres'), ['-D', dataDir, ...options], { stdio: 'ignore' });
  stop = () => void server.kill('SIGQUIT');
  await until('ready', async () => (await probe(local(), nodeClock)) === 'accepting');
  const session = await connect(local(), { clock: nodeClock });
  await session.query("ALTER USER postgres PASSWORD 'x'");
  session.close();
});

after(() => {
  stop();
  if (!skip) rmSync(folder, { recursive: true, force: true });
});

const local = (): ConnectionParameters => ({ host: folder, port, user: 'postgres', dbname: 'postgres' });
const remote = (changes: ConnectionParameters): ConnectionParameters => ({ ...local(), host: 'localhost', password: 'x', ...changes });

const root = { sslrootcert: certificate };
const cases: readonly { readonly name: string; readonly changes: ConnectionParameters; readonly refused?: RegExp }[] = [
  { name: 'prefer is the default and takes TLS where there is', changes: {} },
  { name: 'require does not look at the certificate', changes: { sslmode: 'require' } },
  { name: 'disable never encrypts', changes: { sslmode: 'disable' }, refused: /no encryption/ },
  { name: 'verify-full without a root certificate', changes: { sslmode: 'verify-full' }, refused: /root certificate/ },
  { name: 'verify-full with the right name', changes: { sslmode: 'verify-full', ...root } },
  { name: 'verify-full with another name', changes: { sslmode: 'verify-full', host: '127.0.0.1', ...root }, refused: /altnames/ },
  { name: 'verify-ca with another name', changes: { sslmode: 'verify-ca', host: '127.0.0.1', ...root } },
  { name: 'channel binding', changes: { channel_binding: 'require' } },
  { name: 'a wrong password', changes: { password: 'y' }, refused: /password authentication failed/ },
  { name: 'what can not be honoured', changes: { gssencmode: 'require' }, refused: /not supported/ },
];

for (const { name, changes, refused } of cases) {
  test(`TLS: ${name}`, { skip }, async () => {
    const attempt = connect(remote(changes), { clock: nodeClock });
    if (refused !== undefined) {
      await assert.rejects(attempt, (error) => error instanceof ConnectionProblem && refused.test(error.message));
      return;
    }
    const session = await attempt;
    const rows = await session.query('SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()');
    assert.equal(rows[0]?.['ssl'], 't');
    session.close();
  });
}

test('channel binding is not given up where it is required', { skip }, async () => {
  await assert.rejects(connect({ ...local(), channel_binding: 'require' }, { clock: nodeClock }), ConnectionProblem);
});

test('an error keeps the session, a limit and a lost backend end it', { skip }, async () => {
  const session = await connect(local(), { clock: nodeClock });
  let isLost = false;
  session.onLost(() => {
    isLost = true;
  });
  await assert.rejects(session.query('SELECT 1/0'), (error) => error instanceof QueryFailed && error.sqlState === '22012');
  assert.equal((await session.query('SELECT 9007199254740993 AS n'))[0]?.['n'], '9007199254740993');
  await assert.rejects(session.query('SELECT pg_catalog.pg_sleep(1)', { timeoutMs: 50 }), ConnectionProblem);
  assert.equal(session.isOpen, false);
  assert.equal(isLost, true);

  const victim = await connect(local(), { clock: nodeClock });
  await assert.rejects(victim.query('SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())'), ConnectionProblem);
  await assert.rejects(victim.query('SELECT 1'), ConnectionProblem);
});
