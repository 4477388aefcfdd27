import assert from 'node:assert/strict';
import type { Member } from './harness/member.js';
import { type Scene, scenario } from './harness/scenario.js';
import { syncKey } from './harness/sync-key.js';
import { waitFor } from './harness/wait.js';

/** Loop periods that are long enough that a leader which only looks in its cycles would be far too late. */
const calm = { ttl: 30, loop_wait: 10, retry_timeout: 10, synchronous_mode: true };
/** A commit on this machine takes some milliseconds; one that waits for a server to stop or start takes far longer. */
const UNNOTICED_MS = 400;

async function synchronousStandby({ cluster }: Pick<Scene, 'cluster'>): Promise<Member> {
  return cluster.member(await waitFor('a standby is synchronous', async () => (await syncKey(cluster))?.voters[0]));
}

/** The longest time between two acknowledged rows while `work` runs and a little beyond. */
async function longestWait({ writer }: Scene, work: () => Promise<void>): Promise<number> {
  await writer.untilWritten(20);
  writer.forgetGaps();
  await work();
  await writer.untilWritten(50);
  return writer.longestGapMs;
}

scenario('a synchronous standby that restarts on request is released first: no commit waits for it', { dynamic: calm }, async (scene) => {
  const { cluster } = scene;
  const waits: number[] = [];
  for (let round = 0; round < 3; round++) {
    const standby = await synchronousStandby(scene);
    const startedBefore = (await standby.status()).postmaster_start_time;
    waits.push(
      await longestWait(scene, async () => {
        const { code, stdout, stderr } = await cluster.patronictl('restart', 'batman', standby.name, '--force');
        assert.equal(code, 0, `${stdout}${stderr}`);
      }),
    );
    assert.notEqual((await standby.status()).postmaster_start_time, startedBefore);
  }
  assert.ok(Math.max(...waits) < UNNOTICED_MS, `a commit waited ${Math.max(...waits)} ms`);
});

scenario('a synchronous standby whose agent is told to stop is released first', { dynamic: calm }, async (scene) => {
  const { cluster } = scene;
  const waits: number[] = [];
  for (let round = 0; round < 3; round++) {
    const standby = await synchronousStandby(scene);
    waits.push(await longestWait(scene, () => standby.stopAgent()));
    standby.startAgent();
    await cluster.untilHealthy(60_000);
  }
  assert.ok(Math.max(...waits) < UNNOTICED_MS, `a commit waited ${Math.max(...waits)} ms`);
});
