// What an idle member costs its store: requests and bytes per cycle, of a leader and of a replica, by a relay that counts
// between each member and the store. Twice: alone in the store, and while somebody else writes elsewhere in it.

import { createCluster } from './cluster.mjs';
import { startCountingProxy } from './counting-proxy.mjs';
import { STORES } from './store-servers.mjs';
import { sleep } from './wait.mjs';

const TIMINGS = { ttl: 30, loop_wait: 10, retry_timeout: 10 };
/** A new cluster finishes what it does once: slots, the first checkpoint, the member's list. */
const SETTLE_CYCLES = 2;
const NOISE_EVERY_MS = 500;

const difference = (after, before) => ({
  requests: after.requests - before.requests,
  bytes: after.bytes - before.bytes,
  kinds: [...after.kinds].map(([kind, n]) => [kind, n - (before.kinds.get(kind) ?? 0)]).filter(([, n]) => n > 0),
});

/** Requests and bytes of each member in the next cycles. */
async function window(proxies, cycles) {
  const before = proxies.map((proxy) => proxy.counts());
  await sleep(cycles * TIMINGS.loop_wait * 1000);
  return proxies.map((proxy, i) => difference(proxy.counts(), before[i]));
}

function perCycle(counts, cycles) {
  const sum = (of) => counts.reduce((total, each) => total + of(each), 0) / counts.length / cycles;
  return { requests: sum(({ requests }) => requests), bytes: sum(({ bytes }) => bytes) };
}

/** Nothing is left to be written: neither by a checkpoint nor by what members tell of one. */
async function settle(cluster, leader) {
  await sleep(SETTLE_CYCLES * TIMINGS.loop_wait * 1000);
  const { sql } = cluster.members[leader];
  for (const setting of ["autovacuum = 'off'", "checkpoint_timeout = '1h'"]) await sql(`ALTER SYSTEM SET ${setting}`);
  await sql('SELECT pg_reload_conf()');
  await sql('CHECKPOINT');
  await sleep(2 * TIMINGS.loop_wait * 1000);
}

/** Writes elsewhere in the store until the result is called. */
function makeNoise(store, port) {
  let isOver = false;
  const running = (async () => {
    for (let n = 0; !isOver; n += 1) {
      await store.noise(port, n).catch(() => {});
      await sleep(NOISE_EVERY_MS);
    }
  })();
  return () => {
    isOver = true;
    return running;
  };
}

/**
 * One idle cluster of three members.
 * @returns for `alone` and `shared`: { leader, replica }, each { requests, bytes } per cycle; and `kinds`, texts for a log
 */
export async function storeCost({ kind, back, cycles, where, undo }) {
  const store = STORES[back];
  const proxies = [];
  const entrance = async (port) => {
    const proxy = await startCountingProxy(port, store.protocol);
    proxies.push(proxy);
    return proxy.port;
  };
  const cluster = await createCluster({ kind, back, entrance, dynamic: TIMINGS, ...where });
  undo.push(async () => {
    await cluster.stop({ keep: Boolean(process.env.KEEP_LOGS) });
    for (const proxy of proxies) await proxy.close();
  });
  cluster.start();
  await cluster.untilHealthy(120_000);
  const leader = cluster.members.indexOf(await cluster.leader());
  await settle(cluster, leader);
  const result = { kinds: [] };
  for (const company of store.noise === undefined ? ['alone'] : ['alone', 'shared']) {
    const silence = company === 'shared' ? makeNoise(store, cluster.store().port) : async () => {};
    const counts = await window(proxies, cycles);
    await silence();
    result[company] = {
      leader: perCycle([counts[leader]], cycles),
      replica: perCycle(
        counts.filter((_, i) => i !== leader),
        cycles,
      ),
    };
    const text = ({ kinds }) => kinds.map(([what, n]) => `${what} ×${n}`).join(', ');
    result.kinds.push(`${company}, leader: ${text(counts[leader])}`, `${company}, replica: ${text(counts[(leader + 1) % 3])}`);
  }
  if (cluster.members.indexOf(await cluster.leader()) !== leader) throw new Error('the leader changed while it was measured');
  return result;
}

const number = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));

/** Rows of a table: [what, ours, theirs]. */
export function costRows(label, ours, theirs) {
  const rows = [];
  for (const [company, words] of [
    ['alone', ''],
    ['shared', ', others write'],
  ]) {
    for (const role of ['leader', 'replica']) {
      for (const what of ['requests', 'bytes']) {
        const value = (side) => side?.[company]?.[role][what];
        rows.push({
          company,
          unit: what,
          what: `${label}: ${what} per cycle, ${role}${words}`,
          ours: value(ours),
          theirs: value(theirs),
          format: number,
        });
      }
    }
  }
  return rows;
}
