import { parseArgs } from 'node:util';
import { extrapolate } from './extrapolate.js';
import { type Figures, Fleet } from './fleet.js';

/** Which figures grow with the number of clusters, and how they are written. */
const COLUMNS: readonly (readonly [title: string, of: (figures: Figures) => number, digits: number, isExtrapolated: boolean])[] = [
  ['etcd, cores', ({ cpuCores }) => cpuCores, 2, true],
  ['requests/s', ({ requests }) => requests, 0, true],
  ['KB/s', ({ kilobytes }) => kilobytes, 0, true],
  ['commits/s', ({ commits }) => commits, 0, true],
  ['watches', ({ watchStreams }) => watchStreams, 0, true],
  ['etcd, MB', ({ residentMb }) => residentMb, 0, true],
  ['renewals/s', ({ renewals }) => renewals, 1, true],
  ['renewal, median ms', ({ renewalMs }) => renewalMs.median, 1, false],
  ['99 % ms', ({ renewalMs }) => renewalMs.p99, 1, false],
  ['longest ms', ({ renewalMs }) => renewalMs.longest, 1, false],
  ['own lateness ms', ({ ownLatenessMs }) => ownLatenessMs, 0, false],
];

const { values } = parseArgs({
  options: {
    clusters: { type: 'string', default: '50,100,150' },
    seconds: { type: 'string', default: '20' },
    target: { type: 'string', default: '1000' },
  },
});
const counts = values.clusters.split(',').map(Number);
const [windowMs, target] = [Number(values.seconds) * 1000, Number(values.target)];
if (![...counts, windowMs, target].every((n) => Number.isFinite(n) && n > 0))
  throw new Error('--clusters, --seconds and --target take numbers above 0');

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const cell = (value: number, digits: number): string => value.toFixed(digits);

/** One table: idle clusters, or such whose positions move. */
function table(title: string, rows: readonly Figures[]): void {
  const lines = rows.map((figures) => [String(figures.clusters), ...COLUMNS.map(([, of, digits]) => cell(of(figures), digits))]);
  const points = (of: (figures: Figures) => number) => rows.map((figures) => [figures.clusters, of(figures)] as const);
  lines.push([
    `${target} *`,
    ...COLUMNS.map(([, of, digits, isExtrapolated]) => (isExtrapolated ? cell(extrapolate(points(of), target), digits) : '')),
  ]);
  const titles = ['clusters', ...COLUMNS.map(([name]) => name)];
  const widths = titles.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i]?.length ?? 0)));
  print(`\n${title}`);
  for (const line of [titles, ...lines]) print(line.map((text, i) => text.padStart(widths[i] ?? 0)).join('  '));
}

const fleet = await Fleet.start();
try {
  print(`three agents each, ttl 30, loop_wait 10, one etcd; windows of ${windowMs / 1000} s`);
  const idle: Figures[] = [];
  const active: Figures[] = [];
  for (const count of counts) {
    const started = performance.now();
    await fleet.growTo(count);
    print(`${count} clusters healthy after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    // What a start leaves to do is done by the second cycle.
    await fleet.measure(5000, 0);
    idle.push(await fleet.measure(windowMs, 0));
    active.push(await fleet.measure(windowMs, 1));
  }
  table('idle', idle);
  table('one transaction per second and cluster', active);
  const troubles = [...idle, ...active].reduce((sum, { failedRenewals, leaderChanges }) => sum + failedRenewals + leaderChanges, 0);
  print(`\n* extrapolated with the measured slope; renewals that failed, and changes of leader: ${troubles}`);
  if (troubles > 0) process.exitCode = 1;
} finally {
  await fleet.stop();
}
