import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../../../test/support/scratch.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { CancellableRunner } from '../cancellable.js';
import type { CommandOutcome } from '../command.js';
import { bootstrapMethod } from './custom-method.js';
import { initdb } from './initdb.js';
import { type PostBootstrapRequest, postBootstrap } from './post-bootstrap.js';
import { createReplica, type ReplicaRequest } from './replica.js';

function logOf(lines: string[]): Log {
  const write = (message: string): void => void lines.push(message);
  const log: Log = { debug: write, info: write, warning: write, error: write, critical: write, named: () => log };
  return log;
}

/** Time passes only when somebody sleeps. */
function sleepingClock(sleeps: number[]): Clock {
  return { ...nodeClock, monotonic: () => milliseconds(0), sleep: async (ms) => void sleeps.push(ms) };
}

/** Answers commands by `answer` and notes them. */
function fakeRunner(calls: (readonly string[])[], answer: (argv: readonly string[]) => CommandOutcome): CancellableRunner {
  return {
    isCancelled: false,
    run: async (argv) => {
      calls.push(argv);
      return answer(argv);
    },
    cancel: async () => undefined,
    reset: () => undefined,
  };
}

const exit = (exitCode: number): CommandOutcome => ({ kind: 'exited', exitCode, stdout: '', stderr: '' });

function replicaRequest(dataDir: string, change: Partial<ReplicaRequest> = {}): ReplicaRequest {
  return {
    dataDir,
    scope: 'demo',
    methods: ['basebackup'],
    sections: {},
    basebackup: [{ checkpoint: 'fast' }, { pgdata: '/x' }],
    pgBasebackup: 'pg_basebackup',
    binaryVersion: 150004,
    source: { connectionString: 'host=a', environment: {} },
    ...change,
  };
}

test('pg_basebackup is tried twice with a pause, then the data directory is empty', async () => {
  const dataDir = join(scratch(), 'data');
  const lines: string[] = [];
  const sleeps: number[] = [];
  const calls: (readonly string[])[] = [];
  const runner = fakeRunner(calls, () => {
    mkdirSync(join(dataDir, 'base'), { recursive: true });
    return exit(1);
  });
  const isDone = await createReplica(replicaRequest(dataDir), { runner, clock: sleepingClock(sleeps), log: logOf(lines) });
  assert.equal(isDone, false);
  const argv = ['pg_basebackup', `--pgdata=${dataDir}`, '-X', 'stream', '--dbname=host=a', '--progress', '--checkpoint=fast'];
  assert.deepEqual(calls, [argv, argv]);
  assert.deepEqual(sleeps, [5000]);
  assert.throws(() => readdirSync(dataDir), /ENOENT/);
  assert.ok(lines.includes('pgdata option for basebackup is not allowed'));
});

test('case 38: after a cancellation no other method is tried, and nothing is left', async () => {
  const dataDir = join(scratch(), 'data');
  const calls: (readonly string[])[] = [];
  const runner = {
    ...fakeRunner(calls, () => {
      mkdirSync(join(dataDir, 'base'), { recursive: true });
      runner.isCancelled = true;
      return { kind: 'cancelled' };
    }),
    isCancelled: false,
  };
  const request = replicaRequest(dataDir, { methods: ['basebackup', 'other'] });
  assert.equal(await createReplica(request, { runner, clock: sleepingClock([]), log: logOf([]) }), false);
  assert.equal(calls.length, 1);
  assert.throws(() => readdirSync(dataDir), /ENOENT/);
});

test('methods are tried in order; one with keep_data finds what was there', async () => {
  const dataDir = join(scratch(), 'data');
  mkdirSync(join(dataDir, 'base'), { recursive: true });
  const seen: [string, string[]][] = [];
  const runner = fakeRunner([], (argv) => {
    seen.push([argv[0] ?? '', readdirSync(dataDir)]);
    return exit(argv[0] === 'p' ? 1 : 0);
  });
  const sections = { pgbackrest: { command: 'p restore', keep_data: true, no_params: true }, second: { keep_data: 'yes' } };
  const request = replicaRequest(dataDir, { methods: ['pgbackrest', 'second', 'basebackup'], sections });
  assert.equal(await createReplica(request, { runner, clock: nodeClock, log: logOf([]) }), true);
  assert.deepEqual(seen, [
    ['p', ['base']],
    ['second', ['base']],
  ]);
});

test('without a source and without a leaderless method nothing is run', async () => {
  const calls: (readonly string[])[] = [];
  const runner = fakeRunner(calls, () => exit(0));
  const request = replicaRequest(join(scratch(), 'data'), { source: undefined });
  assert.equal(await createReplica(request, { runner, clock: nodeClock, log: logOf([]) }), false);
  assert.deepEqual(calls, []);
});

test('initdb gets the password by a file that is gone afterwards', async () => {
  const folder = scratch();
  const tool = join(folder, 'initdb');
  writeFileSync(
    tool,
    `#!/bin/sh\necho "$@" > ${folder}/args\nfor a; do case $a in --pwfile=*) cat "\${a#*=}" > ${folder}/pw;; esac; done\n`,
    {
      mode: 0o755,
    },
  );
  const superuser = { username: 'postgres', password: "a'b" };
  const request = { initdb: tool, dataDir: '/d', options: ['data-checksums', { encoding: 'UTF8' }], superuser };
  assert.equal(await initdb(request, { clock: nodeClock, log: logOf([]) }), true);
  const args = readFileSync(join(folder, 'args'), 'utf8').trim();
  assert.match(args, /^--data-checksums --encoding=UTF8 --username=postgres --pwfile=\S+ \/d$/);
  assert.equal(readFileSync(join(folder, 'pw'), 'utf8'), "a'b\n");
  const path = /--pwfile=(\S+)/.exec(args)?.[1] ?? '';
  assert.throws(() => readFileSync(path), /ENOENT/);
});

test('a refused initdb option fails the bootstrap', async () => {
  const lines: string[] = [];
  const request = { initdb: '/nonexistent', dataDir: '/d', options: { pwfile: '/x' }, superuser: {} };
  assert.equal(await initdb(request, { clock: nodeClock, log: logOf(lines) }), false);
  assert.deepEqual(lines, ['pwfile option for initdb is not allowed']);
});

test('a method without section is initdb', () => {
  const settings = { dcs: {}, method: 'pitr', initdb: [], pgHba: [], postBootstrap: undefined, methods: {} };
  const lines: string[] = [];
  assert.deepEqual(bootstrapMethod(settings, logOf(lines)), { kind: 'initdb' });
  assert.equal(lines.length, 1);
  const section = { command: 'r', recovery_conf: { recovery_target_time: 't' } };
  assert.deepEqual(bootstrapMethod({ ...settings, methods: { pitr: section } }, logOf([])), {
    kind: 'custom',
    name: 'pitr',
    section,
    recovery: { kind: 'write', parameters: { recovery_target_time: 't' } },
  });
});

const POST: PostBootstrapRequest = {
  superuser: { username: 'postgres', password: 's' },
  replication: { username: 'rep', password: 'r' },
  rewind: { username: 'rew', password: 'w' },
  majorVersion: 150000,
  script: '/init.sh "a b"',
  connectionString: 'dbname=postgres',
  environment: {},
};

async function rolesOf(request: PostBootstrapRequest, exitCode = 0) {
  const statements: string[] = [];
  const calls: (readonly string[])[] = [];
  const query = async (text: string): Promise<readonly []> => {
    const role = /CREATE ROLE "(\w+)"/.exec(text)?.[1] ?? /(GRANT) EXECUTE/.exec(text)?.[1];
    if (role !== undefined) statements.push(role);
    return [];
  };
  const runner = fakeRunner(calls, () => exit(exitCode));
  return { isDone: await postBootstrap(request, { query, runner, log: logOf([]) }), statements, calls };
}

test('post-bootstrap: superuser, script, replication, rewind with its grants', async () => {
  const { isDone, statements, calls } = await rolesOf(POST);
  assert.equal(isDone, true);
  assert.deepEqual(calls, [['/init.sh', 'a b', 'dbname=postgres']]);
  assert.deepEqual(statements, ['postgres', 'rep', 'rew', 'GRANT', 'GRANT', 'GRANT', 'GRANT']);
});

test('post-bootstrap: no rewind role below 11, or when it is the superuser', async () => {
  assert.deepEqual((await rolesOf({ ...POST, majorVersion: 100000 })).statements, ['postgres', 'rep']);
  assert.deepEqual((await rolesOf({ ...POST, rewind: POST.superuser })).statements, ['postgres', 'rep']);
});

test('post-bootstrap: a failed script fails it before the other roles', async () => {
  const { isDone, statements } = await rolesOf(POST, 1);
  assert.equal(isDone, false);
  assert.deepEqual(statements, ['postgres']);
});
