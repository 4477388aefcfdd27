import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLog } from '../../test/support/postgres-server.js';
import type { AgentPorts } from './environment.js';
import type { LogicalSlotKeeper } from './logical-slots.js';
import { executeSlotAction } from './slot-actions.js';

/** Only what is used of the ports. */
async function drop(dropSlot: () => Promise<boolean>): Promise<readonly string[]> {
  const lines: string[] = [];
  const ports = { postgres: { dropSlot }, log: memoryLog(lines) } as unknown as AgentPorts;
  await executeSlotAction({ kind: 'drop-slot', name: 'x', why: 'Dropped unknown replication slot' }, ports, {} as LogicalSlotKeeper);
  return lines;
}

test("T159: an unknown slot that is in use stays, with a warning; what the server says against it doesn't end the cycle", async () => {
  assert.deepEqual(await drop(async () => true), ['info Dropped unknown replication slot']);
  assert.deepEqual((await drop(async () => false)).slice(1), ["warning Unable to drop replication slot 'x', slot is active"]);
  const failed = await drop(() => Promise.reject(new Error('connection refused')));
  assert.match(failed[1] ?? '', /^error Exception when changing replication slots .*connection refused/);
});
