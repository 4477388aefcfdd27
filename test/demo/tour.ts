import type { Member } from '../integration/harness/member.js';
import type { TestCluster } from '../integration/harness/test-cluster.js';
import { waitFor } from '../integration/harness/wait.js';
import type { Writer } from '../integration/harness/writer.js';
import { memberTable } from './screen.js';

interface Promised {
  readonly what: string;
  readonly gapLimitMs: number;
}

/**
 * Shows, once and without a person, what the cluster promises: gaps in writes for a switchover, a crash and the loss of
 * a member, its return by pg_rewind, and that every acknowledged row is there.
 * @returns whether all of it was as promised
 */
export async function tour(cluster: TestCluster, say: (text: string) => void): Promise<boolean> {
  const writer = await cluster.startWriter({ throughHaproxy: true });
  await writer.untilWritten(50);
  say(`rows are written through port ${cluster.haproxy.port}`);
  const results: boolean[] = [];
  const step = async (promised: Promised, act: (leader: Member) => Promise<void>): Promise<void> => {
    results.push(await measured(cluster, writer, promised, act, say));
  };

  await step({ what: 'switchover', gapLimitMs: 2_500 }, async (leader) => {
    const [candidate] = cluster.members.filter((each) => each !== leader);
    const reply = await cluster.rest(leader, 'POST', '/switchover', { leader: leader.name, candidate: candidate?.name });
    if (reply.status !== 200) throw new Error(`switchover refused: ${reply.status} ${reply.body}`);
    say(`  ${reply.body}`);
  });
  await step({ what: "kill -9 of the leader's PostgreSQL", gapLimitMs: 5_000 }, async (leader) => {
    const before = leader.postmasterPid();
    await writer.betweenRows(() => leader.killPostmaster());
    await waitFor('PostgreSQL is another process', () => {
      const now = leader.postmasterPid();
      return now !== undefined && now !== before;
    });
  });
  let lost: Member | undefined;
  await step({ what: 'loss of the whole leader member (ttl 20)', gapLimitMs: 26_000 }, async (leader) => {
    lost = leader;
    await writer.betweenRows(() => cluster.killWithWalOfItsOwn(leader));
    await waitFor('another member leads', async () => (await cluster.leader()) !== leader, 40_000);
  });
  results.push(await comesBack(cluster, lost, say));
  await writer.stop();
  const counted = await writer.assertNoAcknowledgedRowMissing();
  say(`\nevery one of ${counted} acknowledged rows is there`);
  return results.every(Boolean);
}

async function measured(
  cluster: TestCluster,
  writer: Writer,
  { what, gapLimitMs }: Promised,
  act: (leader: Member) => Promise<void>,
  say: (text: string) => void,
): Promise<boolean> {
  const leader = await cluster.leader();
  say(`\n${what} (leader: ${leader.name})`);
  writer.forgetGaps();
  await act(leader);
  await writer.untilWritten(20);
  const gapMs = writer.longestGapMs;
  const isKept = gapMs <= gapLimitMs;
  say(`  longest gap in writes: ${(gapMs / 1000).toFixed(2)} s ${isKept ? '' : `— more than the promised ${gapLimitMs / 1000} s`}`);
  say(`  leader now: ${(await cluster.leader()).name}`);
  await cluster.untilHealthy(60_000);
  say(await memberTable(cluster));
  return isKept;
}

/** The lost member holds WAL of its own that nobody else has, as after a real failure, so that only pg_rewind helps. */
async function comesBack(cluster: TestCluster, lost: Member | undefined, say: (text: string) => void): Promise<boolean> {
  if (lost === undefined) return false;
  say(`\n${lost.name} comes back`);
  lost.startAgent();
  await cluster.untilHealthy(60_000);
  const hasRewound = /pg_rewind/.test(lost.agent.tail(2_000));
  say(
    `  ${hasRewound ? 'it was joined again with the help of pg_rewind' : 'it followed without pg_rewind: it had written nothing that the others lack'}`,
  );
  say(await memberTable(cluster));
  return true;
}
