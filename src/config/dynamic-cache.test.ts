import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readDynamicCache, writeDynamicCache } from './dynamic-cache.js';

function dataDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'patroni-cache-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('what is written is read back, in the form of Python, for the owner only', async (t) => {
  const dir = dataDir(t);
  assert.deepEqual(readDynamicCache(dir), { kind: 'absent' });
  assert.equal(await writeDynamicCache(dir, { ttl: 30, x: ['é', 9007199254740993n] }, 'abc'), undefined);
  assert.equal(readFileSync(join(dir, 'patroni.dynamic.json'), 'utf8'), '{"ttl": 30, "x": ["\\u00e9", 9007199254740993]}');
  assert.deepEqual(readDynamicCache(dir), { kind: 'found', data: { ttl: 30, x: ['é', 9007199254740993n] } });
  assert.deepEqual(readdirSync(dir), ['patroni.dynamic.json']);
  assert.equal(statSync(join(dir, 'patroni.dynamic.json')).mode & 0o777, 0o600);
});

test('a data directory that the group reads makes the file readable to it', async (t) => {
  const dir = dataDir(t);
  chmodSync(dir, 0o750);
  await writeDynamicCache(dir, {}, 'abc');
  assert.equal(statSync(join(dir, 'patroni.dynamic.json')).mode & 0o777, 0o640);
});

test('failures are values', async (t) => {
  const dir = dataDir(t);
  writeFileSync(join(dir, 'patroni.dynamic.json'), '[1]');
  assert.equal(readDynamicCache(dir).kind, 'unreadable');
  writeFileSync(join(dir, 'patroni.dynamic.json'), '{');
  assert.equal(readDynamicCache(dir).kind, 'unreadable');
  assert.equal(readDynamicCache(join(dir, 'none')).kind, 'absent');
  assert.match((await writeDynamicCache(join(dir, 'none'), {}, 'abc')) ?? '', /ENOENT/);
});
