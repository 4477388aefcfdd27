import { parseJsonObject, stringifyJson } from '../base/json.js';
import type { Timings } from '../cluster/dynamic-config.js';
import { MemoryNetwork } from '../dcs/memory/network.js';
import { MemoryStore } from '../dcs/memory/store.js';
import type { Acknowledged } from './commits.js';
import { CLUSTER, type SimEnvironment, timingsOf } from './environment.js';
import { Life } from './life.js';
import { SimMember } from './member.js';
import { SeededRandom } from './prng.js';
import type { Sabotage } from './sabotage.js';
import { Scheduler } from './scheduler.js';
import type { SimServer } from './server.js';

/** What a checker found: the property, and what happened. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Lines of a trace that are kept; the older ones go. */
const TRACE_LINES = 4000;

export interface WorldOptions {
  readonly isVerbose?: boolean;
  /** A planted defect that a checker has to find. */
  readonly sabotage?: Sabotage;
  /** Fixed for a scenario; a seed decides otherwise. */
  readonly members?: number;
  /** ttl, loop_wait, retry_timeout in seconds. */
  readonly timings?: readonly [number, number, number];
  readonly tags?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly usesRewind?: boolean;
}

/** Everything that one seed decides: members, configuration, network; the store; the trace. */
export class World implements SimEnvironment {
  readonly scheduler = new Scheduler();
  readonly random: SeededRandom;
  readonly store: MemoryStore;
  readonly storeNetwork: MemoryNetwork;
  readonly members: SimMember[] = [];
  readonly timings: Timings;
  readonly dynamicConfig: Readonly<Record<string, unknown>>;
  readonly usesRewind: boolean;
  readonly sabotage: Sabotage | undefined;
  readonly rules = new Map<string, number>();
  /** Called for every decision, with the member and the rule. */
  readonly decided: ((member: string, rule: string) => void)[] = [];
  /** Called for every commit that a client was told of. */
  readonly toldOf: ((server: SimServer, commit: Acknowledged) => void)[] = [];
  violation: Violation | undefined;
  /** Part of all requests between members that get lost, 0 to 1. */
  lossRate = 0;
  private readonly isVerbose: boolean;
  private readonly lines: string[] = [];
  private hash = 0;
  private systemIds = 7_000_000_000_000_000_000n;
  /** `a>b`: a can't open a connection to b. */
  private readonly cuts = new Set<string>();

  constructor(seed: number, options: WorldOptions = {}) {
    this.random = new SeededRandom(seed);
    this.isVerbose = options.isVerbose === true;
    this.sabotage = options.sabotage;
    const { random } = this;
    const drawn = random.pick([
      [30, 10, 10],
      [30, 10, 10],
      [20, 4, 8],
      [5, 1, 2],
      [12, 2, 5],
      [20, 2, 9],
    ] as const);
    const [ttl, loopWait, retryTimeout] = options.timings ?? drawn;
    const timings = timingsOf(ttl, loopWait, retryTimeout);
    this.timings = timings;
    this.dynamicConfig = {
      ...timings.raw,
      maximum_lag_on_failover: 1_048_576,
      check_timeline: random.chance(0.3),
      primary_start_timeout: random.pick([300, 300, 300, ttl, 0]),
      ...(random.chance(0.15) ? { primary_race_backoff: loopWait } : {}),
      ...options.config,
    };
    const usesRewind = random.chance(0.8);
    this.usesRewind = options.usesRewind ?? usesRewind;
    const storeLife = new Life(this.scheduler, 1);
    // Leases end late, by up to a tenth, as those of etcd do; never early.
    this.store = new MemoryStore(storeLife.clock, (ttlMs) => random.between(0, 0.1 * ttlMs));
    this.storeNetwork = new MemoryNetwork(storeLife.clock);
    const count = random.pick([2, 3, 3, 3, 4]);
    for (let index = 0; index < (options.members ?? count); index++) {
      const name = `m${index}`;
      const tags = drawTags(random, index, options.members ?? count);
      // Clocks drift by at most one in a thousand, which is twice what time daemons correct.
      this.members.push(new SimMember(name, this, options.tags?.[name] ?? tags, 1 + random.between(-0.001, 0.001)));
    }
    for (const member of this.members) {
      const faults = this.storeNetwork.faultsOf(member.name);
      faults.requestDelayMs = random.between(0.5, 5);
      faults.answerDelayMs = random.between(0.5, 5);
    }
  }

  /** A time span as a part of ttl, so that each configuration meets faults of its own size. */
  spans(low: number, high: number): number {
    return this.random.between(low, high) * this.timings.ttlMs;
  }

  nextSystemId(): string {
    this.systemIds += 1n;
    return String(this.systemIds);
  }

  get holder(): string | undefined {
    return this.store.get(`${CLUSTER}leader`)?.value;
  }

  member(name: string): SimMember | undefined {
    return this.members.find((member) => member.name === name);
  }

  server(name: string): SimServer | undefined {
    return this.member(name)?.server;
  }

  canConnect(from: string, to: string): boolean {
    return !this.cuts.has(`${from}>${to}`);
  }

  acknowledged(server: SimServer, commit: Acknowledged): void {
    for (const listener of this.toldOf) listener(server, commit);
  }

  get hasCuts(): boolean {
    return this.cuts.size > 0;
  }

  /** Nobody can open a connection to the member (`in`), or it can't open one to others (`out`). */
  cut(name: string, direction: 'in' | 'out' | 'both'): void {
    for (const other of this.members) {
      if (other.name === name) continue;
      if (direction !== 'in') this.cuts.add(`${name}>${other.name}`);
      if (direction !== 'out') this.cuts.add(`${other.name}>${name}`);
    }
  }

  /** Ends everything that is wrong with the networks of one member, or of all. */
  heal(name?: string): void {
    for (const cut of [...this.cuts]) if (name === undefined || cut.split('>').includes(name)) this.cuts.delete(cut);
    for (const member of this.members) {
      if (name !== undefined && member.name !== name) continue;
      const faults = this.storeNetwork.faultsOf(member.name);
      if (faults.isPartitioned || faults.isDeaf === true) this.storeNetwork.heal(member.name);
    }
  }

  /** Edits `/config` as an operator does; null removes a key. */
  configure(changes: Readonly<Record<string, unknown>>): void {
    const entry = this.store.get(`${CLUSTER}config`);
    if (entry === undefined) return;
    const config: Record<string, unknown> = { ...parseJsonObject(entry.value) };
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) delete config[key];
      else config[key] = value;
    }
    const text = stringifyJson(config);
    if (text === entry.value) return;
    this.trace(`config: ${text}`);
    this.store.put(`${CLUSTER}config`, text, { writer: 'operator' });
  }

  get isPaused(): boolean {
    return parseJsonObject(this.store.get(`${CLUSTER}config`)?.value ?? '')?.['pause'] === true;
  }

  logged(member: string, level: string, message: string, error?: unknown): void {
    if (level === 'debug') {
      const at = message.indexOf('rule ');
      if (at !== 0 && !message.startsWith('asked by ')) return;
      const rule = message.slice(at + 'rule '.length);
      this.rules.set(rule, (this.rules.get(rule) ?? 0) + 1);
      if (at !== 0) return;
      for (const listener of this.decided) listener(member, rule);
      return;
    }
    if (message.startsWith('Lock owner: ')) return;
    this.trace(`${member} ${level}: ${message}${error instanceof Error ? ` (${error.stack})` : ''}`);
    if (error !== undefined && level === 'error') this.fail(`${member}: unexpected error: ${message}`);
    if (message.includes('report it as a')) this.fail(`${member}: ${message}`);
  }

  trace(line: string): void {
    const text = `${(this.scheduler.now / 1000).toFixed(3).padStart(9)} ${line}`;
    if (this.isVerbose) process.stdout.write(`${text}\n`);
    for (let index = 0; index < text.length; index++) this.hash = (Math.imul(this.hash, 31) + text.charCodeAt(index)) | 0;
    this.lines.push(text);
    if (this.lines.length > TRACE_LINES) this.lines.splice(0, TRACE_LINES / 2);
  }

  /** Of all lines so far: equal for two runs of one seed. */
  get traceHash(): number {
    return this.hash >>> 0;
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

function drawTags(random: SeededRandom, index: number, count: number): Readonly<Record<string, unknown>> {
  if (random.chance(0.75)) return {};
  if (index > 0 && random.chance(0.4)) return random.chance(0.7) ? { nofailover: true } : { failover_priority: 0 };
  if (index > 1 && count > 2 && random.chance(0.3)) return { replicatefrom: 'm1' };
  return random.chance(0.3) ? { clonefrom: true } : { failover_priority: Math.floor(random.between(1, 4)) };
}
