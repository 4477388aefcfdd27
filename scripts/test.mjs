// Runs everything: setup, build, checks, and all suites from unit tests to the package. The last line is
// "N passed, N failed", summed over the suites; the exit code is 0 only when nothing failed.
// Usage: npm test -- [--only SUITE[,SUITE…]] [PATTERN…]    SUITE: check unit stores postgres sim integration chaos package node
//        PATTERN: only test files whose path contains it, or one of them; suites that are no files are left out then

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chaos, chaosObstacle } from './chaos.mjs';
import { installConsul } from './lib/consul.mjs';
import { answerHelp } from './lib/help.mjs';
import { installKubeApiserver } from './lib/kube-apiserver.mjs';
import { clientPaths, installPeer, peerPath } from './lib/peer.mjs';
import { run, stopChildrenOnSignal } from './lib/running.mjs';
import { asUnprivileged, readableCheckout, readableNode } from './lib/unprivileged.mjs';
import { installZooKeeper } from './lib/zookeeper.mjs';
import { setup } from './setup.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const SIM_SEEDS = 20_000;
const CHAOS_MINUTES = 5;
const FILE_LIMIT_MS = 10 * 60_000;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });
const patterns = positionals;
const scratch = mkdtempSync(join(tmpdir(), 'patroni-test-'));
chmodSync(scratch, 0o777);
let checkout = { root, remove: () => {} };

function cleanUp() {
  checkout.remove();
  rmSync(scratch, { recursive: true, force: true });
}

/** Built test files below a folder whose names end in one of the suffixes and in none of the others. */
function testFiles(folder, accept) {
  const top = join(root, folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true })
    .filter((name) => name.endsWith('.ts') && accept(name))
    .map((name) => join('build', folder, name.replace(/\.ts$/, '.js')))
    .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
    .sort();
}

const isUnit = (name) => /(^|\/)[^/.]+(\.property)?\.test\.ts$/.test(name);
const isStore = (name) => /\.(etcd|consul|zookeeper|kubernetes)\.test\.ts$/.test(name);
const isPostgres = (name) => /\.pg\.test\.ts$/.test(name);

/** Suites of test files; the others run as a whole. */
const OF_FILES = new Set(['unit', 'stores', 'postgres', 'integration']);
// Suites that start what `npm run build` makes.
const BUNDLED = new Set(['integration', 'chaos', 'package', 'node']);

/** A test file that no suite takes would never run, and nobody would notice. */
function refuseOrphans() {
  const isOrphan = (name) => name.endsWith('.test.ts') && ![isUnit, isStore, isPostgres].some((isOf) => isOf(name));
  const orphans = [...testFiles('src', isOrphan), ...testFiles('test', isOrphan)];
  if (orphans.length > 0) throw new Error(`no suite runs ${orphans.map(shortName).join(', ')}`);
}

let runs = 0;

/** One `node --test` over the files; counts of its tests. */
async function nodeTest(files, { cwd = root, spawnOptions = {}, concurrency, node = process.execPath } = {}) {
  // Without files `node --test` would look for tests by itself.
  if (files.length === 0) return nothing;
  runs += 1;
  const counts = join(scratch, `counts-${runs}.json`);
  const args = ['--test', '--test-reporter', join(cwd, 'scripts/lib/node-reporter.mjs'), '--test-reporter-destination', 'stdout'];
  if (concurrency) args.push(`--test-concurrency=${concurrency}`);
  const { env = process.env, ...rest } = spawnOptions;
  const code = await run(node, [...args, ...files], {
    cwd,
    ...rest,
    env: { ...env, TEST_COUNTS: counts, NODE_TEST_CONTEXT: undefined },
    timeoutMs: FILE_LIMIT_MS * (files.length > 5 ? 2 : 1),
  });
  const seen = existsSync(counts) ? JSON.parse(readFileSync(counts, 'utf8')) : { passed: 0, failed: 0, skipped: 0 };
  // A run that broke off, or that reported nothing, must not look like a success.
  if (code !== 0 && seen.failed === 0) seen.failed = 1;
  return seen;
}

function add(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

const nothing = { passed: 0, failed: 0, skipped: 0 };
const outcome = (isOk) => (isOk ? { ...nothing, passed: 1 } : { ...nothing, failed: 1 });

const repeated = [];

const shortName = (file) => file.replace(/^build\//, '');

/** One file, as the unprivileged user, and a line about it. */
async function oneFile(file) {
  const started = Date.now();
  const counts = await nodeTest([file], { cwd: checkout.root, spawnOptions: asUnprivileged(), node: readableNode(scratch) });
  const mark = counts.failed > 0 ? '✖' : '✔';
  process.stdout.write(`  ${mark} ${shortName(file)} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
  return counts;
}

/** Files one after the other. */
async function oneByOne(files) {
  let total = nothing;
  for (const file of files) total = add(total, await oneFile(file));
  return total;
}

/**
 * Files of scenarios, two at a time: they wait more than they work. On a machine that stalls, a bound on a real cluster's
 * time may be missed: a file that failed runs once more, alone, and the summary names it.
 */
async function twoAtATime(files) {
  const waiting = [...files];
  const failed = [];
  let total = nothing;
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const counts = await oneFile(file);
      if (counts.failed > 0) failed.push(file);
      else total = add(total, counts);
    }
  };
  await Promise.all([worker(), worker()]);
  for (const file of failed.sort()) {
    process.stdout.write(`  ${shortName(file)} FAILED and is repeated once\n`);
    repeated.push(shortName(file));
    total = add(total, await oneFile(file));
  }
  return total;
}

async function script(name, ...args) {
  return outcome((await run(process.execPath, [join(root, 'scripts', name), ...args], { cwd: root })) === 0);
}

async function simulation() {
  const code = await run(process.execPath, [join(root, 'scripts/sim.mjs'), '--seeds', String(SIM_SEEDS), '--jobs', '2'], { cwd: root });
  return code === 0 ? { ...nothing, passed: SIM_SEEDS } : { ...nothing, failed: 1 };
}

/** Servers of stores that Debian's present release does not carry, or that must not be installed as services. */
function installServersFor(files) {
  for (const [name, word, install] of [
    ['Consul', 'consul', installConsul],
    ['ZooKeeper', 'zookeeper', installZooKeeper],
    ['kube-apiserver', 'kubernetes', installKubeApiserver],
  ]) {
    const obstacle = files.some((file) => file.includes(word)) ? install() : undefined;
    if (obstacle) process.stdout.write(`${name} could not be had: ${obstacle}\n`);
  }
}

/** The contract and the failures of every store, against its real server. */
async function stores() {
  const files = [...testFiles('src', isStore), ...testFiles('test', isStore)];
  installServersFor(files);
  // They wait more than they work.
  return nodeTest(files, { concurrency: 2 });
}

/** Scenarios on whole clusters; those with members of the Python implementation run its present version where it can be had. */
function integration() {
  const files = testFiles('test/integration', (name) => /\.scenario\.ts$/.test(name));
  installServersFor(files);
  if (files.some((file) => /mixed|migration/.test(file))) {
    const obstacle = installPeer();
    const [peer, clients] = [peerPath(), clientPaths()];
    process.env.PEER_PATRONI = peer === undefined ? '' : [peer, ...clients.filter(Boolean)].join(':');
    process.env.PEER_HAS_CLIENTS = peer !== undefined && clients.every(Boolean) ? '1' : '';
    if (obstacle) process.stdout.write(`the present Python Patroni could not be had (${obstacle}); Debian's own is used instead\n`);
  }
  return twoAtATime(files);
}

/** Real servers under fire, in namespaces; at a fixed seed, so that a failure can be looked for again. */
async function fire() {
  const obstacle = chaosObstacle();
  if (obstacle !== undefined) {
    process.stdout.write(`left out: ${obstacle}\n`);
    return { ...nothing, skipped: 1 };
  }
  // The mode and the guard in which nothing may be lost and no two may write.
  return outcome((await chaos(['--minutes', String(CHAOS_MINUTES), '--seed', '1', '--mode', 'synchronous', '--guard'])) === 0);
}

const suites = [
  { name: 'check', run: () => script('check.mjs') },
  { name: 'unit', run: () => nodeTest([...testFiles('src', isUnit), ...testFiles('test', isUnit)]) },
  { name: 'stores', run: stores },
  { name: 'postgres', run: () => oneByOne([...testFiles('src', isPostgres), ...testFiles('test', isPostgres)]) },
  { name: 'sim', run: simulation },
  { name: 'integration', run: integration },
  { name: 'chaos', run: fire },
  { name: 'package', run: () => nodeTest(['package', 'scripts'].map((name) => join(root, `scripts/lib/${name}.test.mjs`))) },
  { name: 'node', run: () => script('smoke-node.mjs') },
];

/** The suites that are asked for; undefined: all. */
function wantedSuites() {
  const named = values.only?.split(',');
  if (patterns.length === 0) return named;
  const wanted = (named ?? [...OF_FILES]).filter((name) => OF_FILES.has(name) || !suites.some((suite) => suite.name === name));
  if (wanted.length === 0) throw new Error(`${patterns.join(' ')}: only ${[...OF_FILES].join(', ')} consist of test files to choose from`);
  return wanted;
}

async function main() {
  const only = wantedSuites();
  const unknown = only?.filter((name) => !suites.some((suite) => suite.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`unknown suite: ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`);
  refuseOrphans();
  const wants = (...suites) => !only || suites.some((name) => only.includes(name));
  setup({ peer: wants('integration'), chaos: wants('chaos'), stores: wants('stores', 'integration') });
  // Only now: it needs esbuild, which the setup installs.
  const { bundle, transpile } = await import('./build.mjs');
  const needsBundle = !only || only.some((name) => BUNDLED.has(name));
  const isBundled =
    !needsBundle ||
    (await bundle().then(
      () => true,
      (error) => process.stdout.write(`build failed: ${error.message}\n`) && false,
    ));
  rmSync(join(root, 'build'), { recursive: true, force: true });
  await transpile();
  checkout = readableCheckout(root);

  const summary = [];
  let total = nothing;
  if (!isBundled) {
    total = outcome(false);
    summary.push({ name: 'build', ...total, seconds: 0 });
  }
  for (const suite of suites) {
    if (only && !only.includes(suite.name)) continue;
    process.stdout.write(`\n— ${suite.name}\n`);
    const started = Date.now();
    const counts = await suite.run();
    total = add(total, counts);
    summary.push({ name: suite.name, ...counts, seconds: (Date.now() - started) / 1000 });
  }
  process.stdout.write('\nsuite          passed  failed  skipped   time\n');
  for (const { name, passed, failed, skipped, seconds } of summary) {
    const cells = [
      name.padEnd(12),
      String(passed).padStart(8),
      String(failed).padStart(7),
      String(skipped).padStart(8),
      `${seconds.toFixed(1)} s`.padStart(9),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
  for (const file of repeated) process.stdout.write(`FAILED at first, was repeated: ${file}\n`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1;
}

stopChildrenOnSignal(cleanUp);
try {
  await main();
} catch (error) {
  process.stderr.write(`test: ${error.message}\n`);
  process.stdout.write('\n0 passed, 1 failed\n');
  process.exitCode = 1;
} finally {
  cleanUp();
}
