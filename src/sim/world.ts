import { parseJsonObject, stringifyJson } from '../base/json.js';
import type { Timings } from '../cluster/dynamic-config.js';
import { clusterTimeline, parseHistory } from '../cluster/history.js';
import { MemoryNetwork } from '../dcs/memory/network.js';
import { MemoryStore } from '../dcs/memory/store.js';
import type { Acknowledged } from './commits.js';
import { CLUSTER, type SimEnvironment, timingsOf } from './environment.js';
import { Life } from './life.js';
import { SimMember } from './member.js';
import type { Mutation } from './mutations/mutation.js';
import type { Plan } from './plan.js';
import { SeededRandom } from './prng.js';
import { Scheduler } from './scheduler.js';
import type { SimServer } from './server.js';

/** What a checker found: the property, and what happened. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Lines of a trace that are kept; the older ones go. */
const TRACE_LINES = 4000;

export interface WorldOptions {
  /** Prints each line. */
  readonly isVerbose?: boolean;
  /** Keeps the lines and their hash. Off in runs of many seeds: one that fails is run again. */
  readonly isTraced?: boolean;
  /** A planted defect that a checker has to find. */
  readonly mutation?: Mutation;
}

/** Everything that one seed decides: members, configuration, network; the store; the trace. */
export class World implements SimEnvironment {
  readonly plan: Plan;
  readonly scheduler = new Scheduler();
  readonly random: SeededRandom;
  readonly store: MemoryStore;
  readonly storeNetwork: MemoryNetwork;
  readonly members: SimMember[] = [];
  readonly timings: Timings;
  readonly dynamicConfig: Readonly<Record<string, unknown>>;
  readonly usesRewind: boolean;
  readonly mutation: Mutation | undefined;
  readonly rules = new Map<string, number>();
  /** Called for every decision, with the member and the rule. */
  readonly decided: ((member: string, rule: string) => void)[] = [];
  /** Called for everything that the agents log, above debug. */
  readonly readers: ((message: string) => void)[] = [];
  /** Called for every commit that a client was told of. */
  readonly toldOf: ((server: SimServer, commit: Acknowledged) => void)[] = [];
  violation: Violation | undefined;
  /** Part of all requests between members that get lost, 0 to 1. */
  lossRate = 0;
  private readonly isVerbose: boolean;
  private readonly isTraced: boolean;
  readonly lines: string[] = [];
  private hash = 0;
  private initdbs = 0;
  private initialize: string | undefined;
  private deletedInitialize: string | undefined;
  private systemIds = 7_000_000_000_000_000_000n;
  /** `a>b`: a can't open a connection to b. */
  private readonly cuts = new Set<string>();

  constructor(plan: Plan, options: WorldOptions = {}) {
    this.plan = plan;
    this.random = new SeededRandom(plan.seed);
    this.isVerbose = options.isVerbose === true;
    this.isTraced = options.isTraced === true || this.isVerbose;
    this.mutation = options.mutation;
    this.timings = timingsOf(...plan.timings);
    this.dynamicConfig = plan.config;
    this.usesRewind = plan.usesRewind;
    const storeLife = new Life(this.scheduler, 1);
    const { random } = this;
    // Leases end late, by up to a tenth, as those of etcd do; never early.
    this.store = new MemoryStore(storeLife.clock, (ttlMs) => random.between(0, 0.1 * ttlMs));
    this.storeNetwork = new MemoryNetwork(storeLife.clock);
    for (let index = 0; index < plan.members; index++) {
      const name = `m${index}`;
      // Each member draws from its own source: what happens to one does not shift the delays of another.
      const own = new SeededRandom(Math.imul(plan.seed, 31) + 7919 * (index + 1));
      this.members.push(new SimMember(name, this, plan.tags[name] ?? {}, own));
      const faults = this.storeNetwork.faultsOf(name);
      faults.requestDelayMs = own.between(0.5, 5);
      faults.answerDelayMs = own.between(0.5, 5);
    }
  }

  nextSystemId(): string {
    this.systemIds += 1n;
    return String(this.systemIds);
  }

  initdbFails(): boolean {
    return ++this.initdbs <= (this.plan.failingInitdbs ?? 0);
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

  /** Somebody puts another system identifier into `/initialize`; the right one comes back with `restoreInitialize`. */
  overwriteInitialize(): void {
    const entry = this.store.get(`${CLUSTER}initialize`);
    if (entry === undefined || entry.value === '' || this.initialize !== undefined) return;
    this.initialize = entry.value;
    this.store.put(`${CLUSTER}initialize`, this.nextSystemId(), { writer: 'operator' });
  }

  /** The same with the key as a whole. Whoever leads puts it back; if nobody does, it is for the operator. */
  deleteInitialize(): void {
    const entry = this.store.get(`${CLUSTER}initialize`);
    if (entry === undefined || entry.value === '' || this.initialize !== undefined) return;
    this.deletedInitialize = entry.value;
    this.store.delete(`${CLUSTER}initialize`, 'operator');
  }

  restoreInitialize(): void {
    const isMissing = this.store.get(`${CLUSTER}initialize`) === undefined;
    if (isMissing && this.deletedInitialize !== undefined)
      this.store.put(`${CLUSTER}initialize`, this.deletedInitialize, { writer: 'operator' });
    if (this.initialize !== undefined) this.store.put(`${CLUSTER}initialize`, this.initialize, { writer: 'operator' });
    this.initialize = undefined;
  }

  /**
   * Whether the cluster must survive the loss of this member's data: somebody else has all of it, up to what asynchronous
   * replication may lose.
   */
  canLose(member: SimMember): boolean {
    const { holder } = this;
    if (holder === undefined || !this.isInitialised || this.server(holder)?.isEmpty !== false) return false;
    if (member.name !== holder && !member.server.isWritable) return true;
    const isAsynchronous = this.store.get(`${CLUSTER}sync`) === undefined && !member.server.commits.isSynchronous;
    return (
      isAsynchronous && this.members.some((other) => other !== member && other.mayLead && other.server.isStreaming && !other.isGivingUpData)
    );
  }

  /** By `/history`. */
  get clusterTimeline(): number {
    const entry = this.store.get(`${CLUSTER}history`);
    return clusterTimeline(entry && parseHistory(entry.value, ''));
  }

  get isInitialised(): boolean {
    return this.store.get(`${CLUSTER}initialize`) !== undefined;
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
    for (const reader of this.readers) reader(message);
    if (this.isTraced) this.trace(`${member} ${level}: ${message}${error instanceof Error ? ` (${error.stack})` : ''}`);
    if (error !== undefined && level === 'error') this.fail(`${member}: unexpected error: ${message}`);
    if (message.includes('report it as a')) this.fail(`${member}: ${message}`);
  }

  trace(line: string): void {
    if (!this.isTraced) return;
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
}
