import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isClientTitle } from './client-backends.js';
import { parsePostmasterFile, type Recognition, recognise } from './postmaster-file.js';
import type { ProcessTable } from './process-table.js';
import { serverEnvironment } from './spawn.js';

const START = 1_700_000_000;

interface FakeProcess {
  readonly startEpoch?: number;
  readonly parent?: number;
  readonly executable?: string | undefined;
  readonly folder?: string | undefined;
}

function by(process: FakeProcess | undefined): Recognition {
  const table: ProcessTable = {
    facts: (pid) => process && { pid, startedAt: '7', parent: process.parent ?? 1, startEpoch: process.startEpoch ?? START + 9999 },
    isAlive: () => process !== undefined,
    isZombie: () => false,
    children: () => [],
    title: () => undefined,
    executable: () => process?.executable,
    workingDirectory: () => process?.folder,
  };
  return { table, ownPid: 500, ownParent: 400, binaryName: 'postgres', realDataDir: '/data' };
}

const file = (pid: number): ReturnType<typeof parsePostmasterFile> & object => {
  const parsed = parsePostmasterFile(`${pid}\n/data\n${START}\n5432\n`);
  assert.ok(parsed);
  return parsed;
};

const cases: readonly {
  readonly name: string;
  readonly pid?: number;
  readonly process: FakeProcess | undefined;
  readonly expected: string;
}[] = [
  { name: 'no such process', process: undefined, expected: 'gone' },
  { name: 'start times differ by 1 s', process: { startEpoch: START - 1 }, expected: 'ours' },
  { name: 'the agent itself, even with the same time', pid: 500, process: { startEpoch: START }, expected: 'foreign' },
  { name: "the agent's parent", pid: 400, process: { startEpoch: START }, expected: 'foreign' },
  { name: 'a child of the agent', process: { startEpoch: START, parent: 500 }, expected: 'foreign' },
  { name: 'nginx, started hours later', process: { executable: '/usr/sbin/nginx', folder: '/' }, expected: 'foreign' },
  { name: 'postgres in our directory', process: { executable: '/bin/postgres', folder: '/data' }, expected: 'ours' },
  { name: 'postgres in another directory', process: { executable: '/bin/postgres', folder: '/other' }, expected: 'foreign' },
  { name: 'postgres, directory unknown', process: { executable: '/bin/postgres' }, expected: 'ours' },
  { name: 'nothing known of it', process: {}, expected: 'foreign' },
];

for (const { name, pid, process, expected } of cases) {
  test(`recognising the postmaster: ${name}`, () => assert.equal(recognise(file(pid ?? 4711), by(process)).kind, expected));
}

test('a negative pid is a single-user server; garbage is no server', () => {
  const single = recognise(file(-4711), by({ startEpoch: START }));
  assert.ok(single.kind === 'ours' && single.postmaster.isSingleUser && single.postmaster.pid === 4711);
  assert.equal(parsePostmasterFile('x\n'), undefined);
  assert.equal(parsePostmasterFile(''), undefined);
  assert.deepEqual(parsePostmasterFile('12\n'), { pid: 12, isSingleUser: false, startTime: undefined });
});

test('only what serves a client counts as a client backend', () => {
  for (const title of [
    'checkpointer',
    'demo: walsender repl 10.0.0.2(1) streaming 0/1',
    'demo: bgworker: x',
    'wal receiver process   streaming 0/1',
  ]) {
    assert.equal(isClientTitle(`postgres: ${title}`, 'demo'), false, title);
  }
  assert.equal(isClientTitle('postgres: demo: app appdb 10.0.0.9(5555) idle', 'demo'), true);
  assert.equal(isClientTitle('/usr/bin/postgres -D /data', 'demo'), true, 'forked a moment ago');
});

test('the server does not see what is meant for the agent', () => {
  const environment = { PATRONI_SCOPE: 'x', KUBERNETES_PORT: '1', NOTIFY_SOCKET: '/n', PG_MALLOC_ARENA_MAX: '1', HOME: '/h' };
  assert.deepEqual(serverEnvironment(environment, undefined), { MALLOC_ARENA_MAX: '1', HOME: '/h' });
  assert.deepEqual(serverEnvironment({}, 12), { PG_GRANDPARENT_PID: '12' });
});
