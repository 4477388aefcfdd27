import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { scratch } from '../../../test/support/scratch.js';
import { writeSlotFile } from './slot-files.js';

const folder = scratch();
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [mode, directory, file] of [
  [0o700, 0o700, 0o600],
  [0o750, 0o750, 0o640],
] as const) {
  test(`case 124: a copied slot below a data directory of mode ${mode.toString(8)}`, async () => {
    const dataDir = join(folder, mode.toString(8));
    const slots = join(dataDir, 'pg_replslot');
    // A slot of that name, and what a copy left that broke off.
    for (const name of ['ls', 'ls.tmp']) mkdirSync(join(slots, name), { recursive: true });
    writeFileSync(join(slots, 'ls', 'state'), 'old');
    writeFileSync(join(slots, 'ls.tmp', 'rest'), '');
    chmodSync(dataDir, mode);
    await writeSlotFile(dataDir, { name: 'ls', state: Buffer.from('new') });
    assert.deepEqual([readdirSync(slots), readdirSync(join(slots, 'ls'))], [['ls'], ['state']]);
    assert.equal(readFileSync(join(slots, 'ls', 'state'), 'utf8'), 'new');
    const modeOf = (path: string): number => statSync(path).mode & 0o777;
    assert.deepEqual([modeOf(join(slots, 'ls')), modeOf(join(slots, 'ls', 'state'))], [directory, file]);
  });
}

test('a name that leads elsewhere is refused', async () => {
  await assert.rejects(writeSlotFile(folder, { name: '../x', state: Buffer.alloc(0) }), /is no name of a replication slot/);
});
