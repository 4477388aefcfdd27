// The demo without a person: a client writes through HAProxy all the time while the cluster loses one thing after the
// other. Each step says what the client saw and whether that is what was promised.

import { readFileSync, statSync } from 'node:fs';
import { sleep, waitFor } from './wait.mjs';
import { createWriter, missingRows } from './writer.mjs';

// Seconds that the client may have to wait. The loss of a whole member takes until its lock expires: ttl, 30 s.
const PROMISED = { switchover: 0.8, crash: 2, loss: 30 };
const TOUR_LIMIT_MS = 150_000;
const CUT_OFF_ROWS = 1000;

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

/** Waits until the member has replayed all that the leader has written so far. */
async function untilReplayed(leader, members) {
  const [{ lsn }] = await leader.sql('SELECT pg_current_wal_lsn() AS lsn');
  for (const member of members) {
    const has = async () => (await member.sql('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS has', [lsn]))[0].has;
    await waitFor(`${member.name} has replayed ${lsn}`, has, { limitMs: 20_000 });
  }
}

/** @returns whether everything was as promised. */
export async function tour(cluster, say) {
  const started = performance.now();
  const port = cluster.proxy().port;
  const writer = createWriter({ ports: [port] });
  const broken = [];
  const others = (leader) => cluster.members.filter((member) => member !== leader);
  const log = (text) => say(`[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}`);

  function check(isAsPromised, text) {
    log(`   ${isAsPromised ? 'ok    ' : 'BROKEN'} ${text}`);
    if (!isAsPromised) broken.push(text);
  }

  /** Lets rows flow again after an event, and compares the longest silence with what was promised. */
  async function untilWritesGoOn(promised) {
    const before = writer.acknowledged();
    await waitFor('writes go on', () => writer.acknowledged() > before + 20, { limitMs: 60_000 });
    const { ms } = writer.longestGap();
    check(ms < promised * 1000, `the client waited ${seconds(ms)} for a write (promised: less than ${promised} s)`);
  }

  async function checkRows(member) {
    const last = writer.acknowledged();
    const missing = await missingRows(member, writer);
    check(
      missing === 0,
      `${missing === 0 ? `all ${last}` : `${missing} of ${last}`} acknowledged rows ${missing === 0 ? 'are' : 'MISSING'} on ${member.name}`,
    );
  }

  async function switchover() {
    const leader = await cluster.leader();
    const [candidate] = others(leader);
    log(`1. Switchover from ${leader.name} to ${candidate.name}`);
    writer.resetGaps();
    await cluster.switchover(leader, candidate);
    const now = await waitFor('another leader', async () => [await cluster.leader()].find((member) => member !== leader));
    await untilWritesGoOn(PROMISED.switchover);
    check(now === candidate, `${now.name} is the leader`);
    await checkRows(now);
    await cluster.untilHealthy();
  }

  async function crash() {
    const leader = await cluster.leader();
    log(`2. kill -9 of the leader's PostgreSQL (${leader.name}, process ${leader.postmaster()})`);
    writer.resetGaps();
    leader.killPostmaster();
    await untilWritesGoOn(PROMISED.crash);
    const now = await cluster.leader();
    log(`          ${now === leader ? `${now.name} was started again and stays leader` : `${now.name} took over`}`);
    await checkRows(now);
    await cluster.untilHealthy();
  }

  /**
   * Replication is asynchronous: what a lost leader had not sent is lost with it. So that the rows of the client can be
   * promised nonetheless, they reach the replicas first; then rows are written that cannot reach them, which leaves the
   * lost member with a history of its own that only pg_rewind (or a new copy) can bring back in line.
   */
  async function cutOff(leader) {
    await writer.hold();
    await untilReplayed(leader, others(leader));
    for (const pid of leader.walSenders()) process.kill(pid, 'SIGSTOP');
    await leader.sql('INSERT INTO rows_cut_off SELECT generate_series(1, $1::int)', [CUT_OFF_ROWS]);
    log(`          ${CUT_OFF_ROWS} rows more, in another table, while its replication is frozen: no replica will have them`);
  }

  async function loss() {
    const leader = await cluster.leader();
    log(`3. Loss of the whole leader ${leader.name}: agent and PostgreSQL end at once, as in a power failure`);
    await leader.sql('CREATE TABLE rows_cut_off (id int)');
    await cutOff(leader);
    writer.resetGaps();
    await leader.kill();
    writer.go();
    log('          waiting for its lock to expire (ttl 30 s; patronictl edit-config can lower it to 5 s)');
    await untilWritesGoOn(PROMISED.loss);
    const now = await cluster.leader();
    check(now !== leader, `${now.name} took over`);
    await checkRows(now);
    return leader;
  }

  async function comeBack(member) {
    log(`4. ${member.name} comes back`);
    const logStart = statSync(member.logFile).size;
    const since = performance.now();
    member.start();
    await cluster.untilHealthy();
    log(`          three members healthy again after ${seconds(performance.now() - since)}`);
    const text = readFileSync(member.logFile, 'utf8').slice(logStart);
    check(
      /running pg_rewind/.test(text) && !/pg_basebackup|bootstrap from leader/.test(text),
      'it was brought in line with pg_rewind, not copied anew',
    );
    const [{ n }] = await member.sql('SELECT count(*)::int AS n FROM rows_cut_off');
    check(n === 0, `of the ${CUT_OFF_ROWS} rows that only it had, ${n} are left`);
  }

  async function count() {
    log('5. Counting');
    await writer.stop();
    const leader = await cluster.leader();
    await untilReplayed(leader, others(leader));
    for (const member of cluster.members) await checkRows(member);
  }

  log(`a client writes through 127.0.0.1:${port}, one row after the other${port === 5000 ? '' : ' (port 5000 is taken)'}`);
  try {
    await writer.start();
    await waitFor('the first rows', () => writer.acknowledged() > 100);
    await switchover();
    await sleep(500);
    await crash();
    await sleep(500);
    await comeBack(await loss());
    await count();
  } finally {
    await writer.stop();
  }
  const took = performance.now() - started;
  check(took < TOUR_LIMIT_MS, `the tour took ${seconds(took)} (at most ${TOUR_LIMIT_MS / 1000} s)`);
  say(broken.length === 0 ? 'All as promised.' : `Not as promised:\n${broken.map((text) => `  ${text}`).join('\n')}`);
  return broken.length === 0;
}
