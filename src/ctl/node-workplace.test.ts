import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UnreadableFile } from './errors.js';
import { nodeWorkplace } from './node-workplace.js';

test('a file that can’t be read is told in the words of C', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'patroni-test-'));
  const reason = async (path: string): Promise<string> => {
    const error: unknown = await nodeWorkplace({})
      .readFile(path)
      .catch((e: unknown) => e);
    assert.ok(error instanceof UnreadableFile);
    return error.reason;
  };
  try {
    assert.equal(await reason(join(folder, 'none')), 'No such file or directory');
    assert.equal(await reason(folder), 'Is a directory');
    assert.equal(await reason(join(process.execPath, 'x')), 'Not a directory');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
