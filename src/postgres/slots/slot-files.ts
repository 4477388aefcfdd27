import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SlotCopy } from '../../ports/logical-slots.js';

const SLOT_NAME = /^[a-z0-9_]{1,63}$/;

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function folderOf(dataDir: string, name: string): string {
  if (!SLOT_NAME.test(name)) throw new Error(`'${name}' is no name of a replication slot`);
  return join(dataDir, 'pg_replslot', name);
}

/**
 * Writes `pg_replslot/<name>/state`, replacing a slot of that name. The server must be stopped: it keeps slots in memory. In
 * the order in which the server itself does it, because a slot that a crash left half-written keeps it from starting.
 */
export async function writeSlotFile(dataDir: string, slot: Pick<SlotCopy, 'name' | 'state'>): Promise<void> {
  const folder = folderOf(dataDir, slot.name);
  const temporary = `${folder}.tmp`;
  const isGroupReadable = ((await stat(dataDir)).mode & 0o050) === 0o050;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { mode: 0o700 });
  if (isGroupReadable) await chmod(temporary, 0o750);
  const file = await open(join(temporary, 'state'), 'wx', 0o600);
  try {
    if (isGroupReadable) await file.chmod(0o640);
    await file.writeFile(slot.state);
    await file.sync();
  } finally {
    await file.close();
  }
  await sync(temporary);
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
  await sync(folder);
  await sync(join(dataDir, 'pg_replslot'));
}

/** Removes the slot from a stopped server. */
export async function removeSlotFile(dataDir: string, name: string): Promise<void> {
  await rm(folderOf(dataDir, name), { recursive: true, force: true });
  await sync(join(dataDir, 'pg_replslot'));
}
