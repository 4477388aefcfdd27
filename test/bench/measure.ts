import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { Member } from '../integration/harness/member.js';
import type { TestCluster } from '../integration/harness/test-cluster.js';
import { waitFor } from '../integration/harness/wait.js';
import type { Writer } from '../integration/harness/writer.js';

/** Longest time in ms between two acknowledged rows while `act` happens and until the cluster is healthy again. */
export async function gapDuring(cluster: TestCluster, writer: Writer, act: (leader: Member) => Promise<void>): Promise<number> {
  await cluster.untilHealthy();
  await writer.untilWritten(20);
  const leader = await cluster.leader();
  writer.forgetGaps();
  await act(leader);
  await writer.untilWritten(20, 90_000);
  const gapMs = writer.longestGapMs;
  for (const member of cluster.members) member.startAgent();
  await cluster.untilHealthy(120_000);
  return gapMs;
}

export async function switchOver(cluster: TestCluster, leader: Member): Promise<void> {
  const candidate = cluster.members.find((each) => each !== leader);
  const reply = await cluster.rest(leader, 'POST', '/switchover', { leader: leader.name, candidate: candidate?.name });
  if (reply.status !== 200) throw new Error(`switchover: ${reply.status} ${reply.body}`);
}

export async function crashPostmaster(writer: Writer, leader: Member): Promise<void> {
  const before = leader.postmasterPid();
  await writer.betweenRows(() => leader.killPostmaster());
  await waitFor('the postmaster is gone', () => leader.postmasterPid() !== before, 10_000);
}

export interface Memory {
  readonly rssMb: number;
  readonly pssMb: number;
}

/** Resident and proportional size of a process in MB, from the kernel. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { rssMb: kilobytes('Rss') / 1024, pssMb: kilobytes('Pss') / 1024 };
}

/** Answers to GET /primary per second, over some kept-alive connections. Only replies with status 200 count. */
export async function requestsPerSecond(
  port: number,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const until = performance.now() + seconds * 1000;
  let answered = 0;
  const ask = (): Promise<boolean> =>
    new Promise((resolve) => {
      const call = request({ host: '127.0.0.1', port, path: '/primary', agent }, (reply) => {
        reply.resume();
        reply.on('end', () => resolve(reply.statusCode === 200));
        reply.on('error', () => resolve(false));
      });
      call.on('error', () => resolve(false));
      call.end();
    });
  const client = async (): Promise<void> => {
    while (performance.now() < until) if (await ask()) answered += 1;
  };
  await Promise.all(Array.from({ length: connections }, client));
  agent.destroy();
  return answered / seconds;
}
