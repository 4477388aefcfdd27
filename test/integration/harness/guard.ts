import { readFileSync } from 'node:fs';
import type { Member } from './member.js';
import { processTree } from './process-tree.js';
import { type ClusterOptions, TestCluster } from './test-cluster.js';

/** Members under `watchdog.mode` with a ttl that lets a case take seconds; the margin of the guard is then a fifth of it. */
export function guardedBy(mode: 'guard' | 'off', ttl = 5): ClusterOptions {
  return { dynamic: { ttl, loop_wait: 1, retry_timeout: 2 }, members: 2, watchdog: { mode } };
}

/** A cluster whose agents may be left frozen. */
export async function onCluster(options: ClusterOptions, body: (cluster: TestCluster) => Promise<void>): Promise<void> {
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

/** The guard process of an agent, if it is another than `former`; undefined: none. */
export function guardOf(member: Member, former?: number): number | undefined {
  return processTree(member.agent.pid).find((pid) => pid !== former && isGuard(pid));
}

/** Whether that process is a guard that lives. */
export function isGuard(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('patroni-guard\0');
  } catch {
    return false;
  }
}

/** `Rss`, `Pss` and `Pss_Anon` of a process in kB. */
export function memoryOf(pid: number): Record<string, number> {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Object.fromEntries([...text.matchAll(/^(Rss|Pss|Pss_Anon):\s+(\d+) kB$/gm)].map(([, name = '', kb]) => [name, Number(kb)]));
}
