import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { firstWriteOn, writeDirectly } from './harness/direct-writer.js';
import type { Member } from './harness/member.js';
import { processTree } from './harness/process-tree.js';
import { type ClusterOptions, TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

/** ttl 5 s, so that a case takes seconds; the guard's margin is then 1 s. */
const dynamic = { ttl: 5, loop_wait: 1, retry_timeout: 2, synchronous_mode: false };
const guarded: ClusterOptions = { dynamic, watchdog: { mode: 'guard' } };
const unguarded: ClusterOptions = { dynamic, watchdog: { mode: 'off' } };

async function onCluster(options: ClusterOptions, body: (cluster: TestCluster) => Promise<void>): Promise<void> {
  const cluster = await TestCluster.start(options);
  let hasFailed = true;
  try {
    await body(cluster);
    hasFailed = false;
  } finally {
    for (const member of cluster.members) member.agent.signal('SIGCONT');
    await cluster.stop({ hasFailed });
  }
}

/** The guard process of an agent; undefined: none. */
function guardOf(member: Member): number | undefined {
  return processTree(member.agent.pid).find((pid) => commandLine(pid)[0] === 'patroni-guard');
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function memory(pid: number): Record<string, number> {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Object.fromEntries([...text.matchAll(/^(Rss|Pss|Pss_Anon):\s+(\d+) kB$/gm)].map(([, name = '', kb]) => [name, Number(kb)]));
}

/**
 * The agent of the leader is stopped or killed under write load, its server goes on.
 * @returns for how many milliseconds the old primary still acknowledged after another had taken a write; negative: it had
 * stopped before.
 */
async function doublePrimaryMs(cluster: TestCluster, signal: 'SIGSTOP' | 'SIGKILL'): Promise<number> {
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
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await writer.stop();
  return (writer.acknowledgedAt.at(-1) ?? 0) - at;
}

for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
  void test(`without guard, ${signal} of the leader's agent leaves two primaries`, { timeout: 120_000 }, async (t) => {
    await onCluster(unguarded, async (cluster) => {
      const window = await doublePrimaryMs(cluster, signal);
      t.diagnostic(`both acknowledged for ${Math.round(window)} ms, until the writer ended`);
      assert.ok(window > 1000, `the old primary stopped by itself after ${window} ms: this case shows nothing any more`);
    });
  });

  void test(`with guard, after ${signal} of the leader's agent no write is acknowledged beside the next primary`, {
    timeout: 120_000,
  }, async (t) => {
    await onCluster(guarded, async (cluster) => {
      const leader = await cluster.leader();
      const guard = await waitFor('a guard', () => guardOf(leader));
      t.diagnostic(`memory of the guard in kB: ${JSON.stringify(memory(guard))}`);
      const window = await doublePrimaryMs(cluster, signal);
      t.diagnostic(`the old primary acknowledged its last row ${Math.round(-window)} ms before the next one took a write`);
      assert.ok(window < 0, `two primaries for ${window} ms`);
      assert.equal(leader.postmasterPid(), undefined);
      // The agent comes back and its server becomes a replica.
      if (signal === 'SIGKILL') leader.startAgent();
      else leader.agent.signal('SIGCONT');
      await cluster.untilHealthy();
      assert.equal(guardOf(leader), undefined);
    });
  });
}
