import type { Timings } from '../cluster/dynamic-config.js';
import { MemoryNetwork } from '../dcs/memory/network.js';
import { MemoryStore } from '../dcs/memory/store.js';
import { Life } from './life.js';
import { SimMember, timingsOf } from './member.js';
import { SeededRandom } from './prng.js';
import { Scheduler } from './scheduler.js';
import type { ServerNetwork, SimServer } from './server.js';

/** What a checker found: the property, and what happened. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Lines of a trace that are kept; the older ones go. */
const TRACE_LINES = 4000;

/** Everything that one seed decides: members, configuration, network; the store; the trace. */
export class World implements ServerNetwork {
  readonly scheduler = new Scheduler();
  readonly random: SeededRandom;
  readonly store: MemoryStore;
  readonly storeNetwork: MemoryNetwork;
  readonly members: SimMember[] = [];
  readonly timings: Timings;
  readonly dynamicConfig: Readonly<Record<string, unknown>>;
  readonly usesRewind: boolean;
  readonly rules = new Map<string, number>();
  readonly isVerbose: boolean;
  violation: Violation | undefined;
  private readonly lines: string[] = [];
  private systemIds = 7_000_000_000_000_000_000n;
  private readonly cuts = new Set<string>();

  constructor(seed: number, isVerbose: boolean) {
    this.random = new SeededRandom(seed);
    this.isVerbose = isVerbose;
    const { random } = this;
    const [ttl, loopWait, retryTimeout] = random.pick([
      [30, 10, 10],
      [20, 4, 8],
      [5, 1, 2],
      [30, 1, 10],
    ] as const);
    const timings = timingsOf(ttl, loopWait, retryTimeout);
    this.timings = timings;
    this.dynamicConfig = { ...timings.raw, maximum_lag_on_failover: 1_048_576, check_timeline: random.chance(0.3) };
    this.usesRewind = random.chance(0.8);
    const storeLife = new Life(this.scheduler, 1);
    this.store = new MemoryStore(storeLife.clock);
    this.storeNetwork = new MemoryNetwork(storeLife.clock);
    const count = random.pick([2, 3, 3, 3, 5]);
    for (let index = 0; index < count; index++) {
      const tags =
        index > 0 && random.chance(0.1)
          ? { nofailover: true }
          : random.chance(0.1)
            ? { failover_priority: Math.floor(random.between(1, 4)) }
            : {};
      // Clocks drift by at most one in a thousand; leases count on less than one in ten.
      this.members.push(new SimMember(`m${index}`, this, tags, 1 + random.between(-0.001, 0.001)));
    }
    for (const member of this.members) {
      const faults = this.storeNetwork.faultsOf(member.name);
      faults.requestDelayMs = random.between(0.5, 5);
      faults.answerDelayMs = random.between(0.5, 5);
    }
  }

  nextSystemId(): string {
    this.systemIds += 1n;
    return String(this.systemIds);
  }

  member(name: string): SimMember | undefined {
    return this.members.find((member) => member.name === name);
  }

  server(name: string): SimServer | undefined {
    return this.member(name)?.server;
  }

  canConnect(from: string, to: string): boolean {
    return !this.cuts.has(`${from}>${to}`) && !this.cuts.has(`${to}>${from}`);
  }

  /** Cuts a member off from the others, from the store, or from both. */
  partition(name: string, what: 'members' | 'store' | 'all'): void {
    if (what !== 'store') for (const other of this.members) if (other.name !== name) this.cuts.add(`${name}>${other.name}`);
    if (what !== 'members') this.storeNetwork.faultsOf(name).isPartitioned = true;
  }

  heal(): void {
    this.cuts.clear();
    for (const member of this.members) if (this.storeNetwork.faultsOf(member.name).isPartitioned) this.storeNetwork.heal(member.name);
    if (this.storeNetwork.outage !== 'none') this.storeNetwork.heal();
  }

  logged(member: string, level: string, message: string, error?: unknown): void {
    if (level === 'debug') {
      const rule = /^rule (\S+)$/.exec(message)?.[1];
      if (rule !== undefined) this.rules.set(rule, (this.rules.get(rule) ?? 0) + 1);
      return;
    }
    if (message.startsWith('Lock owner: ')) return;
    this.trace(`${member} ${level}: ${message}${error instanceof Error ? ` (${error.stack})` : ''}`);
    if (error !== undefined && level === 'error') this.fail(`${member}: unexpected error: ${message}`);
  }

  trace(line: string): void {
    const text = `${(this.scheduler.now / 1000).toFixed(3).padStart(9)} ${line}`;
    if (this.isVerbose) process.stdout.write(`${text}\n`);
    this.lines.push(text);
    if (this.lines.length > TRACE_LINES) this.lines.splice(0, TRACE_LINES / 2);
  }

  /** A property does not hold. The run ends after this event. */
  fail(what: string): void {
    this.violation ??= new Violation(`at ${(this.scheduler.now / 1000).toFixed(3)} s: ${what}`);
    this.trace(`VIOLATION ${what}`);
  }

  lastLines(count: number): string {
    return this.lines.slice(-count).join('\n');
  }
}
