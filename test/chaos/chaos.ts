// Runs inside namespaces that scripts/chaos.mjs made. Usage: see there.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Client } from 'pg';
import { SeededRandom } from '../../src/sim/prng.js';
import { giveToUnprivileged } from '../integration/harness/unprivileged.js';
import { Census } from './census.js';
import { connectToPrimary, drop } from './clients/connection.js';
import { appends, bank, type Finding, inserts, readYourWrites } from './clients/workloads.js';
import { EtcdMachine, fakeClockLibrary, MemberMachine } from './machines.js';
import { rage } from './nemesis.js';
import { Network } from './network.js';
import { Operator } from './operator.js';
import { type Outcome, objections, summary } from './verdict.js';

const HEALTHY_MS = 120_000;
const TIMINGS = { ttl: 10, loop_wait: 2, retry_timeout: 3 };

const MODES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  asynchronous: {},
  synchronous: { synchronous_mode: true },
  quorum: { synchronous_mode: 'quorum' },
  failsafe: { failsafe_mode: true },
};

async function until(what: string, limitMs: number, ask: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    if (await ask().catch(() => false)) return true;
    await pause(100);
  }
  process.stdout.write(`not within ${limitMs / 1000} s: ${what}\n`);
  return false;
}

/** One primary, and all others stream from it on its timeline. */
async function isWhole(members: readonly MemberMachine[]): Promise<boolean> {
  const states = await Promise.all(members.map((member) => member.status()));
  const leads = await Promise.all(members.map((member) => member.answers('/primary')));
  const leader = states[leads.indexOf(true)];
  if (leader === undefined || leads.filter(Boolean).length !== 1) return false;
  return states.every(
    (state) =>
      state === leader ||
      (state['state'] === 'running' && state['timeline'] === leader['timeline'] && state['replication_state'] === 'streaming'),
  );
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
      mode: { type: 'string', default: 'asynchronous' },
      members: { type: 'string', default: '3' },
      guard: { type: 'boolean', default: false },
      folder: { type: 'string', default: '' },
    },
  });
  const [minutes, seed, count] = [Number(values.minutes), Number(values.seed), Number(values.members)];
  const dynamic = MODES[values.mode];
  if (dynamic === undefined) throw new Error(`--mode ${values.mode}: one of ${Object.keys(MODES).join(', ')}`);
  if (!(minutes > 0) || !Number.isInteger(seed) || ![3, 5].includes(count))
    throw new Error('--minutes above 0, --seed a number, --members 3 or 5');

  const dice = new SeededRandom(seed);
  const random = (): number => dice.next();
  const { folder } = values;
  mkdirSync(join(folder, 'data'));
  for (const path of [folder, join(folder, 'data')]) {
    chmodSync(path, 0o755);
    giveToUnprivileged(path);
  }
  const memberNames = Array.from({ length: count }, (_, index) => `m${index}`);
  const etcdNames = ['e0', 'e1', 'e2'];
  const network = new Network([...memberNames, ...etcdNames]);
  const etcdHosts = etcdNames.map((name) => network.host(name));
  const etcd = etcdHosts.map((host) => new EtcdMachine(host, etcdHosts, folder));
  const fakeClock = fakeClockLibrary();
  if (fakeClock === undefined) process.stdout.write('libfaketime is not installed: no wrong clocks\n');
  const members = memberNames.map(
    (name) =>
      new MemberMachine(network.host(name), etcdHosts, folder, {
        dynamic: { ...TIMINGS, ...dynamic },
        watchdog: values.guard ? { mode: 'guard' } : undefined,
        fakeClock,
      }),
  );
  const startedAt = performance.now();
  const log = (line: string): void => {
    process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} ${line}\n`);
  };

  for (const each of etcd) each.start();
  if (!(await until('etcd is healthy', 30_000, async () => (await Promise.all(etcd.map((each) => each.isHealthy()))).every(Boolean))))
    return 1;
  for (const each of members) each.startAgent();
  if (!(await until('all members are healthy', HEALTHY_MS, () => isWhole(members)))) return 1;
  log(`${count} members are healthy, seed ${seed}, mode ${values.mode}`);

  const addresses = members.map(({ host }) => host.address);
  const workloads = [inserts(addresses), bank(addresses, random), appends(addresses, random), readYourWrites(addresses)];
  const census = new Census(members.map(({ host }) => host));
  await onPrimary(addresses, async (primary) => {
    for (const statement of [...Census.schema, ...workloads.flatMap(({ schema }) => schema)]) await primary.query(statement);
  });
  for (const { client } of workloads) client.start();
  census.start();
  const operator = new Operator(members, log);
  const supervisor = setInterval(() => {
    for (const member of members) member.supervise();
    void operator.look();
  }, 500);

  const nemesisDice = new SeededRandom(seed + 1);
  const nemesisRandom = (): number => nemesisDice.next();
  const ragedAt = performance.now();
  const faults = await rage(
    { network, members, etcd, random: nemesisRandom, hasFakeClock: fakeClock !== undefined, log },
    minutes * 60_000,
  );
  const seconds = (performance.now() - ragedAt) / 1000;
  const healingAt = performance.now();
  const isHealed = await until('the cluster is whole again', HEALTHY_MS, () => isWhole(members));
  const healedAfterMs = isHealed ? performance.now() - healingAt : undefined;
  if (isHealed) await pause(2_000);
  await Promise.all([...workloads.map(({ client }) => client.stop()), census.stop()]);
  clearInterval(supervisor);

  const findings = await onPrimary(addresses, async (primary) => {
    const found: Finding[] = [];
    for (const workload of workloads) found.push(await workload.check(primary));
    return found;
  });
  const outcome: Outcome = {
    mode: values.mode,
    isSynchronous: dynamic['synchronous_mode'] !== undefined,
    isGuarded: values.guard,
    seconds,
    faults,
    findings: findings ?? [],
    doubles: census.doublePrimaries(),
    censusWrites: census.writes,
    healedAfterMs,
    copies: operator.copies,
    acknowledgedAt: workloads[0]?.client.acknowledgedAt ?? [],
  };
  process.stdout.write(`\n${summary(outcome)}\n`);
  const faulty = [...objections(outcome), ...(findings === undefined ? ['there was no primary to check on'] : [])];
  for (const text of faulty) process.stdout.write(`FAILED: ${text}\n`);
  process.stdout.write(`\n${faulty.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed'}\n`);
  return faulty.length === 0 ? 0 : 1;
}

async function onPrimary<T>(addresses: readonly string[], work: (primary: Client) => Promise<T>): Promise<T | undefined> {
  const primary = await connectToPrimary(addresses, 5_000);
  if (primary === undefined) return undefined;
  try {
    return await work(primary);
  } finally {
    drop(primary);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stdout.write(`FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// Every server ends with the namespace of process ids that this program is the last of.
process.exit();
