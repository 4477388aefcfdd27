import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstWriteOn, writeDirectly } from './harness/direct-writer.js';
import { guardedBy, guardOf, memoryOf, onCluster } from './harness/guard.js';
import type { Member } from './harness/member.js';
import type { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

interface Loss {
  readonly leader: Member;
  /** How long the old primary still acknowledged after another had taken a write; negative: it had stopped before. */
  readonly doubleMs: number;
}

/** The agent of the leader is stopped or killed under write load; its server goes on until somebody ends it. */
async function lose(cluster: TestCluster, signal: 'SIGSTOP' | 'SIGKILL'): Promise<Loss> {
  const leader = await cluster.leader();
  const others = cluster.members.filter((each) => each !== leader);
  const writer = await writeDirectly(leader.port);
  await waitFor('rows are written', () => writer.acknowledgedAt.length > 200);
  leader.agent.signal(signal);
  const { at } = await firstWriteOn(
    others.map((each) => each.port),
    30_000,
  );
  // Long enough to see whether the old one still acknowledges.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await writer.stop();
  return { leader, doubleMs: (writer.acknowledgedAt.at(-1) ?? 0) - at };
}

/** The agent runs again, and its server becomes a replica. */
async function comeBack(cluster: TestCluster, leader: Member): Promise<void> {
  leader.agent.signal('SIGCONT');
  leader.startAgent();
  await cluster.untilHealthy();
}

const SIGNALS = ['SIGKILL', 'SIGSTOP'] as const;

void test('without guard a dead or frozen agent leaves its primary beside the next one', { timeout: 120_000 }, async (t) => {
  await onCluster(guardedBy('off'), async (cluster) => {
    for (const signal of SIGNALS) {
      const { doubleMs, leader } = await lose(cluster, signal);
      t.diagnostic(`${signal}: both acknowledged for ${Math.round(doubleMs)} ms, until the writer ended`);
      assert.ok(doubleMs > 1000, `the old primary stopped by itself after ${doubleMs} ms: this case shows nothing any more`);
      if (signal === 'SIGKILL') await comeBack(cluster, leader);
    }
  });
});

void test('with guard no write is acknowledged beside the next primary', { timeout: 120_000 }, async (t) => {
  await onCluster(guardedBy('guard'), async (cluster) => {
    for (const signal of SIGNALS) {
      const guard = await waitFor('a guard', async () => guardOf(await cluster.leader()));
      t.diagnostic(`memory of the guard in kB: ${JSON.stringify(memoryOf(guard))}`);
      const { doubleMs, leader } = await lose(cluster, signal);
      t.diagnostic(`${signal}: the old primary's last row was acknowledged ${Math.round(-doubleMs)} ms before the next one took a write`);
      assert.ok(doubleMs < 0, `two primaries for ${doubleMs} ms`);
      assert.equal(leader.postmasterPid(), undefined);
      await comeBack(cluster, leader);
      assert.equal(guardOf(leader), undefined, 'a replica needs no guard');
    }
  });
});
