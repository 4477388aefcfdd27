// One data directory's life on a real server: initdb with roles, a copy, divergence, rewind, crash recovery.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../../../test/support/free-port.js';
import { parseLsn } from '../../base/lsn.js';
import { nodeClock } from '../../platform/node-clock.js';
import type { Log } from '../../ports/log.js';
import { DataDirectoryInUse, removeDataDirectory } from '../bootstrap/data-directory.js';
import { initdb } from '../bootstrap/initdb.js';
import { postBootstrap } from '../bootstrap/post-bootstrap.js';
import { createReplica } from '../bootstrap/replica.js';
import { createCancellableRunner } from '../cancellable.js';
import { Procfs } from '../process/procfs.js';
import { identifyProcess, killTree } from '../process-tree.js';
import { connect } from '../query/connect.js';
import type { ConnectionParameters, Row } from '../query/session.js';
import { isRewindInstalled } from './can-rewind.js';
import { checkRewindSource, leaderTimelines } from './leader.js';
import { wasRewindInterrupted } from './marker.js';
import { checkpointRecordEnd } from './record-end.js';
import { rewind } from './rewind.js';
import { singleUserRecovery } from './single-user.js';

const BIN = process.env['PG_BIN'] ?? '/usr/lib/postgresql/15/bin';
const tool = (name: string): string => join(BIN, name);
const reason =
  process.getuid?.() === 0 ? 'PostgreSQL refuses to run as root: run as postgres' : existsSync(tool('postgres')) ? false : `no ${BIN}`;
if (reason) console.log(`# skipped: ${reason}`);

const lines: string[] = [];
const write = (message: string): void => void lines.push(message);
const log: Log = { debug: write, info: write, warning: write, error: write, critical: write, named: () => log };
const clock = nodeClock;
const table = new Procfs();
const runner = createCancellableRunner({ clock, table, log });

const root = mkdtempSync(join(tmpdir(), 'pglife-'));
const SUPERUSER = { username: 'postgres', password: "a'b\\c" };
const REPLICATION = { username: 'rep user', password: 'r$patroni0$:x' };
const REWIND = { username: 'rewind', password: 'w' };
const nodes = { a: { data: join(root, 'a'), port: 0 }, b: { data: join(root, 'b'), port: 0 } };
type Node = (typeof nodes)['a'];
const passFile = join(root, 'pgpass');
const environment = { PGPASSFILE: passFile };

const target = (node: Node, user: { username: string; password: string }): ConnectionParameters => ({
  host: '127.0.0.1',
  port: String(node.port),
  user: user.username,
  password: user.password,
  dbname: 'postgres',
});

async function query(node: Node, text: string, user = SUPERUSER): Promise<readonly Row[]> {
  const session = await connect(target(node, user), { clock });
  try {
    return await session.query(text);
  } finally {
    session.close();
  }
}

function start(node: Node): void {
  execFileSync(tool('pg_ctl'), ['-D', node.data, '-w', '-l', join(root, 'server.log'), '-o', `-p ${node.port}`, 'start'], {
    stdio: 'ignore',
  });
}

function stop(node: Node): void {
  if (existsSync(join(node.data, 'postmaster.pid'))) {
    execFileSync(tool('pg_ctl'), ['-D', node.data, '-w', '-m', 'fast', 'stop'], { stdio: 'ignore' });
  }
}

function follow(node: Node, upstream: Node): void {
  writeFileSync(join(node.data, 'standby.signal'), '');
  const info = `host=127.0.0.1 port=${upstream.port} user=rep\\\\ user passfile=${passFile}`;
  appendFileSync(join(node.data, 'postgresql.auto.conf'), `\nprimary_conninfo = '${info}'\n`);
}

function controlField(node: Node, field: string): string {
  const output = execFileSync(tool('pg_controldata'), [node.data], { env: { LANG: 'C' }, encoding: 'utf8' });
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(output)?.[1] ?? '';
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = clock.monotonic() + 20_000;
  while (!(await condition())) {
    if (clock.monotonic() > end) assert.fail(`not reached within 20 s: ${what}\n${lines.slice(-20).join('\n')}`);
    await clock.sleep(50);
  }
}

before(async () => {
  nodes.a.port = await freePort();
  nodes.b.port = await freePort();
  const users = [SUPERUSER, REPLICATION, REWIND].map(({ username, password }) => {
    const escaped = password.replaceAll('\\', '\\\\').replaceAll(':', '\\:');
    return `127.0.0.1:*:*:${username}:${escaped}\n`;
  });
  writeFileSync(passFile, users.join(''), { mode: 0o600 });
});

after(() => {
  for (const node of Object.values(nodes)) stop(node);
  rmSync(root, { recursive: true, force: true });
});

test('initdb makes a cluster with the password, and post-bootstrap its roles', { skip: reason }, async () => {
  const options = ['data-checksums', 'no-sync', { encoding: 'UTF8' }, { auth: 'scram-sha-256' }];
  assert.equal(await initdb({ initdb: tool('initdb'), dataDir: nodes.a.data, options, superuser: SUPERUSER }, { clock, log }), true);
  const settings = `fsync = off\nhot_standby = on\nunix_socket_directories = '${root}'\nlog_statement = all\n`;
  appendFileSync(join(nodes.a.data, 'postgresql.conf'), settings);
  start(nodes.a);
  const session = await connect(target(nodes.a, SUPERUSER), { clock });
  const isDone = await postBootstrap(
    {
      superuser: SUPERUSER,
      replication: REPLICATION,
      rewind: REWIND,
      majorVersion: 150000,
      script: `sh -c '${tool('psql')} -v ON_ERROR_STOP=1 -c "CREATE TABLE t(i int)" "$1"' x`,
      connectionString: `dbname=postgres user=postgres host=127.0.0.1 port=${nodes.a.port}`,
      environment,
    },
    { query: (text) => session.query(text), runner, log },
  );
  session.close();
  assert.equal(isDone, true, lines.join('\n'));
  assert.equal((await query(nodes.a, 'SELECT 1 AS one', REWIND))[0]?.['one'], '1');
  await query(nodes.a, "SELECT pg_stat_file('PG_VERSION', true)", REWIND);
  assert.ok(!readFileSync(join(root, 'server.log'), 'utf8').includes('CREATE ROLE'), 'role statements are not logged');
});

test('a replica is made by basebackup', { skip: reason }, async () => {
  const isDone = await createReplica(
    {
      dataDir: nodes.b.data,
      scope: 'demo',
      methods: ['broken', 'basebackup'],
      sections: { broken: { command: 'false' } },
      basebackup: [{ checkpoint: 'fast' }, 'no-sync', 'verbose'],
      pgBasebackup: tool('pg_basebackup'),
      binaryVersion: 150004,
      source: { connectionString: `user=rep\\ user host=127.0.0.1 port=${nodes.a.port} dbname=postgres`, environment },
    },
    { runner, clock, log },
  );
  assert.equal(isDone, true, lines.join('\n'));
  await assert.rejects(removeDataDirectory(nodes.a.data, log), DataDirectoryInUse, 'a server runs there');
  follow(nodes.b, nodes.a);
  start(nodes.b);
  await query(nodes.a, 'INSERT INTO public.t VALUES (1)');
  await until(async () => (await query(nodes.b, 'SELECT i FROM public.t')).length === 1, 'the replica has the row');
});

test('after a clean shutdown the last record ends where the next timeline begins', { skip: reason }, async () => {
  stop(nodes.a);
  execFileSync(tool('pg_ctl'), ['-D', nodes.b.data, '-w', 'promote'], { stdio: 'ignore' });
  const lsn = parseLsn(controlField(nodes.a, 'Latest checkpoint location'));
  assert.ok(lsn !== undefined);
  const end = await checkpointRecordEnd({ pgWaldump: tool('pg_waldump'), dataDir: nodes.a.data, timeline: 1, lsn }, { clock, log });
  const source = { name: 'b', parameters: target(nodes.b, REWIND), replication: target(nodes.b, REPLICATION) };
  const timelines = await leaderTimelines(source, clock);
  const foreign = await leaderTimelines({ ...source, systemId: '7000000000000000001' }, clock);
  assert.equal(foreign.kind, 'unreachable');
  assert.match(
    foreign.kind === 'unreachable' ? foreign.error : '',
    /it is of another cluster, its system identifier is \d+ and ours 7000000000000000001/,
  );
  assert.ok(
    timelines.kind === 'known' && timelines.timeline === 2,
    JSON.stringify(timelines, (_, v) => String(v)),
  );
  assert.deepEqual(
    timelines.history.map((line) => [line.timeline, line.lsn]),
    [[1, end]],
  );
  const check = await checkRewindSource(source, 'checkpoint', clock);
  assert.equal(check.kind, 'unusable', 'only a superuser may checkpoint');
  const comparison = await checkRewindSource(source, 'compare', clock);
  assert.ok(comparison.kind === 'usable' || comparison.reason.includes('no checkpoint'), 'the rewind user may compare');
});

test('a diverged primary is rewound and follows', { skip: reason }, async () => {
  start(nodes.a);
  await query(nodes.a, 'INSERT INTO public.t SELECT generate_series(100, 1100)');
  await query(nodes.b, 'INSERT INTO public.t VALUES (2)');
  const parameters = target(nodes.b, SUPERUSER);
  const source = { name: 'b', parameters, replication: target(nodes.b, REPLICATION) };
  assert.deepEqual(await checkRewindSource(source, 'checkpoint', clock), { kind: 'usable' });
  assert.deepEqual(await checkRewindSource(source, 'compare', clock), { kind: 'usable' });
  assert.equal(await isRewindInstalled(tool('pg_rewind'), clock), true);
  const outcome = await rewind(
    {
      pgRewind: tool('pg_rewind'),
      dataDir: nodes.a.data,
      configDir: nodes.a.data,
      configFile: join(nodes.a.data, 'postgresql.conf'),
      majorVersion: 150000,
      options: ['no-sync'],
      leaderName: 'b',
      connectionString: `dbname=postgres user=rewind host=127.0.0.1 port=${nodes.b.port} target_session_attrs=read-write`,
      environment,
    },
    {
      runner,
      clock,
      log,
      stopServer: async () => {
        stop(nodes.a);
        return true;
      },
      archiveReadyWal: async () => undefined,
      checkSource: () => checkRewindSource(source, 'published', clock),
      restoreCommand: async () => undefined,
      canRewind: async () => true,
    },
  );
  assert.deepEqual(outcome, { kind: 'done' }, lines.join('\n'));
  assert.equal(await wasRewindInterrupted(nodes.a.data), false);
  assert.ok(
    lines.some((line) => line.includes('need to copy')),
    'pg_rewind says when it starts to change the target',
  );
  follow(nodes.a, nodes.b);
  start(nodes.a);
  await until(async () => (await query(nodes.a, 'SELECT i FROM public.t')).length === 2, 'the rewound server follows');
  assert.deepEqual(await leaderTimelines({ ...source, parameters: target(nodes.a, SUPERUSER) }, clock), { kind: 'in-recovery' });
});

test('a crashed primary is recovered in single-user mode', { skip: reason }, async () => {
  await query(nodes.b, 'INSERT INTO public.t VALUES (3)');
  const pid = Number(readFileSync(join(nodes.b.data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const postmaster = identifyProcess(table, pid);
  assert.ok(postmaster);
  killTree(table, postmaster);
  // At the next look it is a zombie at most: what the lock file names does not stop the recovery.
  await until(async () => identifyProcess(table, pid) === undefined, 'the postmaster has ended');
  assert.equal(controlField(nodes.b, 'Database cluster state'), 'in production');
  const request = {
    postgres: tool('postgres'),
    dataDir: nodes.b.data,
    walDir: join(nodes.b.data, 'pg_wal'),
    archiveCommand: undefined,
  };
  const isDone = await singleUserRecovery(request, { runner, log, table, removeRecoveryConfiguration: async () => undefined });
  assert.equal(isDone, true, lines.join('\n'));
  assert.equal(controlField(nodes.b, 'Database cluster state'), 'shut down');
});
