import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basebackupOptions } from './bootstrap/basebackup.js';
import { customBootstrapCommand } from './bootstrap/custom-method.js';
import { leaderlessMethods, replicaCommand } from './bootstrap/replica.js';
import { splitWords, toolOptions } from './command-line.js';

const REQUEST = { scope: 'demo', dataDir: '/d', source: undefined };

test('words are split as a POSIX shell quotes them', () => {
  const cases: [string, readonly string[] | undefined][] = [
    ['/cb.sh "a b"', ['/cb.sh', 'a b']],
    [`a'b c'd "" ''`, ['ab cd', '', '']],
    [String.raw`a\ b "x\"y\\z\n" '\'`, ['a b', String.raw`x"y\z\n`, '\\']],
    ['  \t\n', []],
    ['"open', undefined],
    ['back\\', undefined],
  ];
  for (const [text, expected] of cases) assert.deepEqual(splitWords(text), expected, text);
});

test('initdb options: list with flags and pairs', () => {
  assert.deepEqual(toolOptions('initdb', ['data-checksums', { encoding: 'UTF8' }, { locale: '"a b"' }], []), {
    arguments: ['--data-checksums', '--encoding=UTF8', '--locale=a b'],
    errors: [],
  });
});

test('a number in a list is an error, in a map it is text', () => {
  assert.deepEqual(toolOptions('initdb', [{ 'wal-segsize': 64 }], []).errors, [
    "Error when parsing initdb key-value option {'wal-segsize': 64}: only one key-value is allowed and value should be a string",
  ]);
  assert.deepEqual(toolOptions('initdb', { 'wal-segsize': 64, 'no-sync': true, x: false }, []).arguments, [
    '--wal-segsize=64',
    '--no-sync',
  ]);
});

test('refused names are left out, however they are written', () => {
  const { arguments: passed, errors } = toolOptions('basebackup', ['pgdata=/x', { pgdata: '/x' }, { checkpoint: 'fast' }], ['pgdata']);
  assert.deepEqual(passed, ['--checkpoint=fast']);
  assert.deepEqual(errors, Array(2).fill('pgdata option for basebackup is not allowed'));
});

test('basebackup compresses on the server only', () => {
  assert.deepEqual(basebackupOptions({ compress: 'server-zstd:3' }, 160000).arguments, ['--compress=server-zstd:3']);
  assert.equal(basebackupOptions({ compress: 'gzip' }, 160000).errors.length, 1);
  assert.deepEqual(basebackupOptions({ compress: 'server-gzip' }, 140000).errors, ['compress option for basebackup is not allowed']);
});

test('custom bootstrap: no_params suppresses the standard arguments', () => {
  assert.deepEqual(customBootstrapCommand({ command: 'r.sh -x', foo: true, no_params: 1 }, 'demo', '/d'), ['r.sh', '-x', '--foo=True']);
  assert.deepEqual(customBootstrapCommand({ command: 'r.sh', scope: 'other' }, 'demo', '/d'), ['r.sh', '--scope=demo', '--datadir=/d']);
});

test('replica methods get their section as arguments', () => {
  assert.deepEqual(replicaCommand('wal_e', { no_leader: 1, envdir: '/e' }, REQUEST), [
    'wal_e',
    '--no_leader=1',
    '--envdir=/e',
    '--scope=demo',
    '--role=replica',
    '--datadir=/d',
    '--connstring=',
  ]);
  const pgbackrest = { keep_data: true, no_params: true, command: 'p --stanza=x restore' };
  assert.deepEqual(replicaCommand('pgbackrest', pgbackrest, REQUEST), ['p', '--stanza=x', 'restore']);
});

test('only methods with no_leader work without a leader', () => {
  assert.deepEqual(leaderlessMethods(['basebackup', 'a', 'b'], { basebackup: { no_leader: true }, a: { no_leader: true }, b: {} }), ['a']);
});
