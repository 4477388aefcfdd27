// What the benchmark measures on one cluster. Gaps are the longest time between two acknowledged writes of a client that
// knows all members, so that they are the cluster's own and not a proxy's.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sleep, waitFor } from './wait.mjs';
import { createWriter, missingRows } from './writer.mjs';

const CONNECTIONS = 8;
const LOAD_SECONDS = 4;

/** Waits until every replica has replayed what its leader has written: what follows then loses nothing by design. */
export async function untilReplayed(cluster, leader) {
  const [{ lsn }] = await leader.sql('SELECT pg_current_wal_lsn() AS lsn');
  for (const member of cluster.members) {
    if (member === leader) continue;
    const has = async () => (await member.sql('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS has', [lsn]))[0].has;
    await waitFor(`${member.name} has replayed ${lsn}`, has, { limitMs: 20_000 });
  }
}

/** ms from the start of three agents until one is primary and two replicas stream from it. */
export async function startUp(cluster) {
  const started = performance.now();
  cluster.start();
  await cluster.untilHealthy(120_000);
  return performance.now() - started;
}

/** { rssMb, pssMb } of an agent; undefined where the kernel does not tell. The highest of all members counts. */
export function memory(cluster) {
  const sizes = cluster.members.map((member) => {
    try {
      const text = readFileSync(`/proc/${member.agent().pid}/smaps_rollup`, 'utf8');
      const megabytes = (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
      return { rssMb: megabytes('Rss'), pssMb: megabytes('Pss') };
    } catch {
      return undefined;
    }
  });
  if (sizes.some((each) => each === undefined)) return undefined;
  return { rssMb: Math.max(...sizes.map(({ rssMb }) => rssMb)), pssMb: Math.max(...sizes.map(({ pssMb }) => pssMb)) };
}

/** GET /primary of the leader: { perSecond, failed, longestMs }. */
export async function requests(cluster) {
  const leader = await cluster.leader();
  const script = fileURLToPath(new URL('./load.mjs', import.meta.url));
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, leader.restPort, '/primary', CONNECTIONS, LOAD_SECONDS].map(String), (error, stdout) =>
      error ? reject(error) : resolve(JSON.parse(stdout)),
    );
  });
}

async function switchover(cluster, leader) {
  await cluster.switchover(
    leader,
    cluster.members.find((member) => member !== leader),
  );
}

async function sigterm(_cluster, leader) {
  leader.agent().signal('SIGTERM');
  await leader.agent().exited;
}

async function crash(_cluster, leader) {
  leader.killPostmaster();
}

async function loss(_cluster, leader) {
  await leader.kill();
}

export const EVENTS = { switchover, sigterm, crash, loss };

/**
 * Lets one event happen to a healthy cluster under writes, and starts again what it ended.
 * @returns the longest gap in ms, how many acknowledged rows are missing, and the leaders before and after
 */
export async function gap(cluster, event, { loopWaitMs = 10_000 } = {}) {
  await cluster.untilHealthy(120_000);
  const writer = createWriter({ ports: cluster.members.map(({ port }) => port) });
  try {
    await writer.start();
    await waitFor('the first rows', () => writer.acknowledged() > 50);
    const leader = await cluster.leader();
    if (event === 'loss') {
      // The lock is renewed every loop_wait, and lasts ttl from then: in the middle both implementations have equal luck.
      if (loopWaitMs > 2_000) {
        await cluster.untilRenewed();
        await sleep(loopWaitMs / 2);
      }
      // Asynchronous replication: a row in the instant of the loss may be lost by design.
      await writer.hold();
      await untilReplayed(cluster, leader);
    }
    writer.resetGaps();
    const at = new Date();
    const before = writer.acknowledged();
    const acting = EVENTS[event](cluster, leader);
    writer.go();
    await acting;
    // The event is over for the client when writes go on elsewhere, or again; not while the old leader still takes them.
    if (event === 'switchover' || event === 'sigterm' || event === 'loss') {
      await waitFor('another leader', async () => (await cluster.leader(90_000)) !== leader, { limitMs: 120_000 });
    } else {
      await waitFor('the crash is noticed', () => writer.failures() > 0, { limitMs: 10_000 });
    }
    const seen = Math.max(writer.acknowledged(), before);
    await waitFor('writes go on', () => writer.acknowledged() > seen + 50, { limitMs: 120_000 });
    const { ms } = writer.longestGap();
    await writer.stop();
    const next = await cluster.leader();
    const missing = await missingRows(next, writer);
    return { ms, missing, at: at.toISOString(), from: leader.name, to: next.name };
  } finally {
    await writer.stop();
    for (const member of cluster.members) if (!member.agent().isRunning()) member.start();
  }
}

/** Idle for a while: what follows is measured at rest. */
export const rest = (seconds) => sleep(seconds * 1000);
