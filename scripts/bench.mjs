// The same events against this implementation and against Debian's Python Patroni, in one run, side by side, each figure
// with its target. Takes about thirteen minutes.
// Usage: npm run bench [-- --quick] [--json] [--only ours|patroni|store-cost] [--store NAME[,NAME…]] [--repeat N]
//        --quick: default settings only, no loss of a member;  --repeat: each gap so often, the longest counts
//        store-cost: only what idle members cost their store, ours beside the present Python Patroni;  --store: in those only

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answerHelp } from './lib/help.mjs';
import { readableCheckout, readableNode } from './lib/unprivileged.mjs';
import { setup } from './setup.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
    only: { type: 'string' },
    store: { type: 'string' },
    repeat: { type: 'string', default: '1' },
  },
});

const COST_CYCLES = values.quick ? 3 : 6;
const IDLE_SECONDS = values.quick ? 15 : 30;
// One sample of each: what is called "no slower" may be slower by this much and still be the same.
const NOISE = 1.1;
const NOISE_MS = 500;

const REACTS = ['switchover', 'sigterm', 'crash'];
/** Clusters to start, one after the other; `events` happen to each. */
const SETTINGS = [
  { label: 'ttl 30, loop_wait 10', dynamic: { ttl: 30, loop_wait: 10, retry_timeout: 10 }, isFull: true, events: [...REACTS, 'loss'] },
  { label: 'ttl 20, loop_wait 1', dynamic: { ttl: 20, loop_wait: 1, retry_timeout: 9 }, events: ['crash', 'loss'] },
  { label: 'ttl 5, loop_wait 1', dynamic: { ttl: 5, loop_wait: 1, retry_timeout: 2 }, events: ['loss'], isOursOnly: true },
];

const NAMES = {
  switchover: 'switchover',
  sigterm: "SIGTERM to the leader's agent",
  crash: 'kill -9 of the postmaster',
  loss: 'loss of the leader member',
};

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const megabytes = (size) => `${size.toFixed(1)} MB`;
const below = (limit, text) => ({ text: `< ${text}`, isMet: (ours) => ours < limit });
const noSlower = {
  text: 'no slower',
  isMet: (ours, theirs) => theirs && ours <= Math.max(theirs * NOISE, theirs + NOISE_MS),
};

const TARGETS = {
  start: noSlower,
  rss: below(55, '55 MB'),
  pss: { text: "no more than Patroni's", isMet: (ours, theirs) => theirs && ours <= theirs },
  requests: { text: '≥ 10000 /s', isMet: (ours) => ours >= 10_000 },
  switchover: below(800, '0.8 s'),
  sigterm: below(800, '0.8 s'),
  crash: below(2000, '2 s'),
  loss: noSlower,
  lowTtl: below(7000, '7 s (about 5)'),
  // Where others write, our members ask whether their copy still holds: a leader in each cycle, a replica once in a ttl.
  requestsShared: { text: '1 read more', isMet: (ours, theirs) => (theirs === undefined ? undefined : ours <= theirs + 1.05) },
  bytesShared: { text: '1 read more', isMet: (ours, theirs) => (theirs === undefined ? undefined : ours <= theirs + 700) },
  // Each minute the API server tells that the watch of the pods lives (BOOKMARK), for which Patroni does not ask.
  bytesWatched: { text: 'a bookmark more', isMet: (ours, theirs) => (theirs === undefined ? undefined : ours <= theirs + 30) },
  cost: { text: 'no higher', isMet: (ours, theirs) => (theirs === undefined ? undefined : ours <= theirs) },
  lost: { text: 'none', isMet: (ours) => ours === 0 },
};

/** Rows of the table, in order of their first figure: what → { target, format, ours, patroni }. */
const table = new Map();
const log = (text) => (values.json ? process.stderr : process.stdout).write(`${text}\n`);

function record(kind, what, value, { target, format }) {
  const row = table.get(what) ?? { target, format };
  row[kind] = value;
  table.set(what, row);
  log(`  ${what}: ${format(value)}`);
}

const undo = [];
let stopping;
function stopAll() {
  stopping ??= (async () => {
    for (const step of undo.splice(0).reverse()) await step();
  })();
  return stopping;
}
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => void stopAll().finally(() => process.exit(130)));

async function gaps(cluster, kind, { label, dynamic, events }) {
  const { gap } = await import('./lib/measure.mjs');
  let lost = 0;
  for (const event of events.filter((name) => !values.quick || name !== 'loss')) {
    let longest = 0;
    for (let turn = 0; turn < Number(values.repeat); turn += 1) {
      const seen = await gap(cluster, event, { loopWaitMs: dynamic.loop_wait * 1000 });
      longest = Math.max(longest, seen.ms);
      lost += seen.missing;
      log(
        `    ${seen.at} ${NAMES[event]} of ${seen.from}, then ${seen.to}: ${seconds(seen.ms)}${seen.missing ? `, ${seen.missing} rows lost` : ''}`,
      );
    }
    const target = event === 'loss' && dynamic.ttl < 20 ? TARGETS.lowTtl : TARGETS[event];
    record(kind, `gap: ${NAMES[event]} (${label})`, longest, { target, format: seconds });
  }
  record(kind, `acknowledged rows lost (${label})`, lost, { target: TARGETS.lost, format: String });
}

async function atRest(cluster, kind) {
  const { memory, requests, rest } = await import('./lib/measure.mjs');
  await rest(IDLE_SECONDS);
  const sizes = memory(cluster);
  if (sizes) {
    record(kind, 'agent, idle: RSS', sizes.rssMb, { target: TARGETS.rss, format: megabytes });
    record(kind, 'agent, idle: PSS', sizes.pssMb, { target: TARGETS.pss, format: megabytes });
  }
  const { perSecond, failed, longestMs } = await requests(cluster);
  record(kind, 'GET /primary, 8 connections', perSecond, { target: TARGETS.requests, format: (value) => `${value} /s` });
  log(`    ${failed} failed, slowest ${longestMs} ms`);
}

async function run(kind, setting, where) {
  log(`${kind === 'ours' ? 'ours' : "Debian's Patroni"}: ${setting.label}`);
  const { createCluster } = await import('./lib/cluster.mjs');
  const { startUp } = await import('./lib/measure.mjs');
  const cluster = await createCluster({ kind, ...where, dynamic: setting.dynamic });
  const stop = () => cluster.stop({ keep: Boolean(process.env.KEEP_LOGS) });
  undo.push(stop);
  try {
    const startMs = await startUp(cluster);
    if (setting.isFull) {
      record(kind, 'three members healthy after', startMs, { target: TARGETS.start, format: seconds });
      await atRest(cluster, kind);
    }
    await gaps(cluster, kind, setting);
  } catch (error) {
    log(`  broken off: ${error.message} (logs in ${cluster.folder})`);
    process.exitCode = 1;
    undo.splice(undo.indexOf(stop), 1);
    await cluster.stop({ keep: true });
    return;
  }
  if (undo.includes(stop)) undo.splice(undo.indexOf(stop), 1);
  await stop();
}

/** Both implementations at once, each with a store of its own: they are idle. */
async function costs(where) {
  const { costRows, storeCost } = await import('./lib/store-cost.mjs');
  const { STORES } = await import('./lib/store-servers.mjs');
  const { clientPaths, installPeer } = await import('./lib/peer.mjs');
  const missing = installPeer();
  if (missing) log(`the present Python Patroni could not be had (${missing}); Debian's is measured`);
  else clientPaths();
  const peer = missing ? 'patroni' : 'peer';
  for (const [back, { label, obstacle }] of Object.entries(STORES)) {
    if (stopping || (values.store !== undefined && !values.store.split(',').includes(back))) continue;
    const why = obstacle();
    log(why ? `${label} could not be had: ${why}` : `${label}: what idle members cost it (${COST_CYCLES} cycles, twice)`);
    if (why) continue;
    const ends = [];
    const end = async () => {
      for (const step of ends.splice(0)) await step();
    };
    undo.push(end);
    const sides = await Promise.all(
      ['ours', peer].map((kind) =>
        storeCost({ kind, back, cycles: COST_CYCLES, where, undo: ends }).catch((error) => {
          log(`  ${kind}: broken off: ${error.message}`);
          process.exitCode = 1;
          return undefined;
        }),
      ),
    );
    for (const [i, side] of sides.entries()) for (const line of side?.kinds ?? []) log(`    ${i === 0 ? 'ours' : 'Patroni'}, ${line}`);
    for (const { what, ours, theirs, format, company, unit } of costRows(label, ...sides)) {
      if (ours === undefined) continue;
      const isBesideOthers = back === 'etcd3' && company === 'shared';
      const isWatchedBytes = back === 'kubernetes' && unit === 'bytes';
      const target = isBesideOthers ? TARGETS[`${unit}Shared`] : isWatchedBytes ? TARGETS.bytesWatched : TARGETS.cost;
      record('ours', what, ours, { target, format });
      if (theirs !== undefined) record('patroni', what, theirs, { target, format });
    }
    await end();
  }
}

function verdict({ ours, patroni, target }) {
  if (ours === undefined) return '';
  const isMet = target.isMet(ours, patroni);
  // Nothing to compare with.
  if (isMet === undefined) return '';
  return isMet ? 'reached' : 'MISSED';
}

function print() {
  const lines = [...table].map(([what, row]) => {
    const cell = (kind) => (row[kind] === undefined ? '–' : row.format(row[kind]));
    return [what, cell('ours'), cell('patroni'), row.target.text, verdict(row)];
  });
  const titles = ['', 'ours', 'Patroni', 'target', ''];
  const widths = titles.map((title, index) => Math.max(title.length, ...lines.map((line) => line[index].length)));
  log('');
  for (const line of [titles, ...lines]) {
    log(
      line
        .map((cell, index) => (index === 1 || index === 2 ? cell.padStart(widths[index]) : cell.padEnd(widths[index])))
        .join('  ')
        .trimEnd(),
    );
  }
}

async function main() {
  const kinds = ['ours', 'patroni'].filter((kind) => values.only === undefined || values.only === kind);
  const isCostOnly = values.only === 'store-cost';
  if (kinds.length === 0 && !isCostOnly) throw new Error(`--only takes ours, patroni or store-cost, not ${values.only}`);
  setup({ peer: isCostOnly || kinds.includes('patroni') });
  const { bundle } = await import('./build.mjs');
  await bundle();
  const scratch = mkdtempSync(join(tmpdir(), 'patroni-bench-'));
  chmodSync(scratch, 0o755);
  undo.push(() => rmSync(scratch, { recursive: true, force: true }));
  const checkout = readableCheckout(root);
  undo.push(() => checkout.remove());
  const where = { checkout: checkout.root, node: readableNode(scratch) };
  log(`Node ${process.versions.node}, ${cpus().length} processors; gaps are the longest time between two acknowledged writes`);
  for (const setting of values.quick ? SETTINGS.slice(0, 1) : SETTINGS) {
    for (const kind of kinds) {
      if (!stopping && !(setting.isOursOnly && kind !== 'ours')) await run(kind, setting, where);
    }
  }
  if (isCostOnly || values.only === undefined) await costs(where);
  print();
  if (values.json) {
    const rows = [...table].map(([what, row]) => ({
      what,
      ours: row.ours,
      patroni: row.patroni,
      target: row.target.text,
      verdict: verdict(row),
    }));
    process.stdout.write(`${JSON.stringify({ node: process.versions.node, processors: cpus().length, rows }, undefined, 2)}\n`);
  }
  if ([...table.values()].some((row) => verdict(row) === 'MISSED')) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
