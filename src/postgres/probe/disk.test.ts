import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { nodeClock } from '../../platform/node-clock.js';
import { DiskProbe, judgeOutput } from './disk.js';

const DF = 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 100000 50 ';

test('what the child prints', () => {
  const dd = '1+0 records in\n1+0 records out\n';
  assert.equal(judgeOutput(`${DF}99950 1% /\n${dd}dd=0\n`).kind, 'fine');
  assert.equal(judgeOutput(`${DF}16383 84% /\n${dd}dd=0\n`).kind, 'disk-full');
  assert.equal(judgeOutput(`${DF}0 100% /\ndd: error writing '/x': No space left on device\ndd=1\n`).kind, 'disk-full');
  assert.equal(judgeOutput(`${DF}9999999 1% /\ndd: failed to open '/x': Read-only file system\ndd=1\n`).kind, 'disk-failed');
  assert.equal(judgeOutput(`${DF}9999999 1% /\ndd: fsync failed for '/x': Input/output error\ndd=1\n`).kind, 'disk-failed');
  assert.equal(judgeOutput('dd: unknown operand\ndd=1\n').kind, 'unknown');
  assert.equal(judgeOutput(undefined).kind, 'unknown');
});

test('a real disk with room', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'disk-probe-'));
  try {
    assert.deepEqual(await new DiskProbe({ clock: nodeClock }).look(folder, folder, 10_000), { kind: 'fine' });
    assert.deepEqual(readdirSync(folder), []);
    assert.deepEqual(await new DiskProbe({ clock: nodeClock }).look(folder, join(folder, 'missing'), 10_000), { kind: 'unknown' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('patroni-2380: a write that hangs takes one child, and each look tells so', async () => {
  const clock = new ManualClock();
  let children = 0;
  let end: (output: string) => void = () => undefined;
  const probe = new DiskProbe({
    clock,
    run: () => {
      children++;
      return new Promise((resolve) => {
        end = resolve;
      });
    },
  });
  for (let look = 0; look < 3; look++) {
    const found = probe.look('/data', '/data/pg_wal', 5000);
    await clock.advance(5000);
    assert.deepEqual(await found, { kind: 'disk-hung', detail: 'a write below /data did not return within 5 s' });
  }
  assert.equal(children, 1);
  const found = probe.look('/data', '/data/pg_wal', 5000);
  end('dd=0\n');
  assert.deepEqual(await found, { kind: 'fine' });
});
