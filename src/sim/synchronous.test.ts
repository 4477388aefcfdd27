import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Commits } from './commits.js';
import { parseSynchronousNames, replicatedUpTo, syncStatesOf } from './synchronous.js';

test('synchronous_standby_names is read as PostgreSQL reads it', () => {
  assert.deepEqual(parseSynchronousNames(''), { method: 'off', count: 0, names: [] });
  assert.deepEqual(parseSynchronousNames('a, "B-1"'), { method: 'first', count: 1, names: ['a', 'b-1'] });
  assert.deepEqual(parseSynchronousNames('2 (a,b,c)'), { method: 'first', count: 2, names: ['a', 'b', 'c'] });
  assert.deepEqual(parseSynchronousNames('FIRST 1 (*)'), { method: 'first', count: 1, names: ['*'] });
  assert.deepEqual(parseSynchronousNames('any 2 ("x""y", z)'), { method: 'any', count: 2, names: ['x"y', 'z'] });
});

test('FIRST waits for the first ones that are connected, ANY for whoever comes first', () => {
  const flushed = new Map([
    ['b', 9],
    ['c', 7],
  ]);
  assert.equal(replicatedUpTo(parseSynchronousNames('FIRST 1 (a,b,c)'), flushed), 9);
  assert.equal(replicatedUpTo(parseSynchronousNames('FIRST 2 (a,b,c)'), flushed), 7);
  assert.equal(replicatedUpTo(parseSynchronousNames('FIRST 1 (c,b)'), flushed), 7);
  assert.equal(replicatedUpTo(parseSynchronousNames('ANY 1 (b,c)'), flushed), 9);
  assert.equal(replicatedUpTo(parseSynchronousNames('ANY 2 (a,b)'), flushed), undefined);
  assert.equal(replicatedUpTo(parseSynchronousNames('a'), flushed), undefined);
  assert.deepEqual(syncStatesOf(parseSynchronousNames('1 (b,c)'), ['b', 'c', 'd']), ['sync', 'potential', 'async']);
  assert.deepEqual(syncStatesOf(parseSynchronousNames('ANY 1 (b,c)'), ['b', 'c', 'd']), ['quorum', 'quorum', 'async']);
});

test('a commit is acknowledged when the named standbys have it, or when nobody is named any more', () => {
  const told: number[] = [];
  const commits = new Commits(({ index }) => told.push(index));
  const record = { id: 1, timeline: 1, kind: 'commit' } as const;
  commits.configure('ANY 1 (b)');
  commits.add(record, 0);
  commits.add(record, 1);
  commits.reported('x', 2);
  assert.deepEqual(told, []);
  commits.reported('b', 1);
  assert.deepEqual(told, [0]);
  commits.configure('');
  assert.deepEqual(told, [0, 1]);
  commits.configure('b');
  commits.add(record, 2);
  commits.reset();
  commits.configure('');
  assert.deepEqual(told, [0, 1]);
});
