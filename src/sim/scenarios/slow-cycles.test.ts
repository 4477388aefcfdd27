import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from './scene.js';

const OVERDUE = 'Loop time exceeded, rescheduling immediately.';

/** A standby whose requests to the store take so long: a cycle has two of them. */
async function loopOf(requestMs: number): Promise<boolean> {
  const scene = await Scene.begin({ timings: [30, 10, 10] });
  const standby = scene.world.members.find((member) => member !== scene.leader);
  assert.ok(standby !== undefined);
  const faults = scene.world.storeNetwork.faultsOf(standby.name);
  faults.requestDelayMs = requestMs;
  await scene.run.pass(60_000);
  const isTold = scene.world.lines.some((line) => line.includes(`${standby.name} warning: ${OVERDUE}`));
  faults.requestDelayMs = 1;
  await scene.end();
  return isTold;
}

test('T173: a cycle of 12 s with a loop_wait of 10 s is told, and the next one begins at once', async () => {
  assert.equal(await loopOf(6000), true);
});

test('T173: beside it: one of 8 s is not', async () => {
  assert.equal(await loopOf(4000), false);
});
