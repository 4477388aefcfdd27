import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SyncCluster, type WriteOutcome } from '../../test/support/sync-cluster.js';
import { minus, names } from '../ha/sync/names.js';
import { parseSynchronousNames, replicatedUpTo } from '../sim/synchronous.js';

/** PROPERTY_RUNS: more of them, when there is time. */
const RUNS = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000), includeErrorInReport: true };
const NODES = ['a', 'b', 'c', 'd'];

/** What happens to data and connections, also in the middle of a cycle. */
type Event =
  | { readonly kind: 'commit' }
  | { readonly kind: 'flush'; readonly who: string; readonly by: number }
  | { readonly kind: 'join'; readonly who: string }
  | { readonly kind: 'leave'; readonly who: string }
  | { readonly kind: 'late' };

/** What an operator, the store or the agent does between two cycles. */
type Step =
  | Event
  | { readonly kind: 'cycle' }
  | { readonly kind: 'agent restart' }
  | { readonly kind: 'server restart' }
  | { readonly kind: 'answer'; readonly outcome: WriteOutcome }
  | { readonly kind: 'config'; readonly mode: boolean | 'quorum'; readonly count: number; readonly isStrict: boolean }
  | { readonly kind: 'fail over'; readonly pick: number };

/**
 * Commits, standbys and leaders beside the real keeper. `acknowledged` is what clients were told of under the protection of
 * the key: whoever the key lets lead must have it, at every instant (I-8, I-9).
 */
class Story {
  readonly cluster = new SyncCluster();
  private acknowledged = 0;
  /** Nobody holds the lock: who had won gave it back. */
  private isLeaderless = false;
  private readonly meanwhile: Event[];
  private readonly told: object[] = [];

  constructor(meanwhile: readonly Event[]) {
    this.meanwhile = [...meanwhile];
    const { cluster } = this;
    for (const name of minus(NODES, [cluster.primary])) cluster.standby(name, { isStreaming: false, flushed: 0 });
    cluster.onLook = () => {
      const event = this.meanwhile.shift();
      if (event !== undefined) this.happens(event);
    };
    cluster.onEffect = () => this.check(cluster.effects.at(-1) ?? '');
  }

  async step(step: Step): Promise<void> {
    const { cluster } = this;
    if (step.kind === 'cycle') {
      cluster.clock.pass(300);
      await this.cycle();
    } else if (step.kind === 'answer') cluster.outcomes = [step.outcome];
    else if (step.kind === 'config') {
      const { mode, count, isStrict } = step;
      cluster.config = { synchronous_mode: mode, synchronous_node_count: count, synchronous_mode_strict: isStrict };
    } else if (step.kind === 'agent restart') {
      if (!cluster.isInRecovery) cluster.newKeeper();
    } else if (step.kind === 'server restart') await this.restart();
    else if (step.kind === 'fail over') this.failOver(step.pick);
    else this.happens(step);
    this.check(step);
  }

  private async cycle(): Promise<void> {
    const { cluster } = this;
    if (this.isLeaderless) return;
    if (!cluster.isInRecovery) return void (await cluster.cycle());
    const released = cluster.releases;
    if (await cluster.prepare()) {
      cluster.isInRecovery = false;
      // Who is to follow the new leader loses what that one does not have.
      for (const standby of cluster.standbys.values()) standby.flushed = Math.min(standby.flushed, cluster.wal);
    } else if (cluster.releases > released) {
      this.isLeaderless = true;
      this.becomeStandby();
    }
  }

  /** The server of the primary ended and is started again; the agent goes on. */
  private async restart(): Promise<void> {
    const { cluster } = this;
    if (this.isLeaderless || cluster.isInRecovery) return;
    const before = cluster.onEffect;
    // While it is down it acknowledges nothing.
    cluster.isInRecovery = true;
    cluster.onEffect = () => undefined;
    for (const standby of cluster.standbys.values()) standby.isStreaming = false;
    while (!(await cluster.beforeStart()));
    cluster.isInRecovery = false;
    cluster.onEffect = before;
  }

  private becomeStandby(): void {
    const { cluster } = this;
    cluster.standby(cluster.primary, { isStreaming: false, flushed: cluster.wal });
    cluster.primary = '';
    cluster.names = '';
    cluster.isInRecovery = true;
  }

  /** The leader is lost. Of those who may lead by the key the least advanced ones meet, and the best of them wins. */
  private failOver(pick: number): void {
    const { cluster } = this;
    const { key } = cluster;
    const others = [...cluster.standbys.keys()];
    const isOn = cluster.config['synchronous_mode'] !== false && key.leader !== undefined;
    const listed = isOn ? others.filter((name) => this.electing().includes(name)) : others;
    const byPosition = listed.sort((x, y) => this.position(x) - this.position(y));
    const needed = isOn && (key.quorum > 0 || cluster.config['synchronous_mode'] === 'quorum') ? key.quorum + 1 : 1;
    const meeting = byPosition.slice(pick % Math.max(byPosition.length - needed + 1, 1)).slice(0, needed);
    const winner = meeting.at(-1);
    if (winner === undefined || meeting.length < needed) return;
    if (!this.isLeaderless) this.becomeStandby();
    this.isLeaderless = false;
    cluster.primary = winner;
    cluster.wal = this.position(winner);
    cluster.standbys.delete(winner);
    for (const standby of cluster.standbys.values()) standby.isStreaming = false;
    cluster.newKeeper().runsFor(key.version);
    // Nothing is promised without the mode, and nothing before somebody is named.
    if (!isOn) this.acknowledged = Math.min(this.acknowledged, cluster.wal);
  }

  private happens(event: Event): void {
    const { cluster } = this;
    const isUp = !cluster.isInRecovery && !this.isLeaderless;
    if (event.kind === 'late') cluster.late.shift()?.();
    else if (event.kind === 'commit') cluster.wal += isUp ? 1 : 0;
    else {
      const standby = cluster.standbys.get(event.who);
      if (standby === undefined || !isUp) return;
      if (event.kind === 'join') standby.isStreaming = true;
      else if (event.kind === 'leave') standby.isStreaming = false;
      else if (standby.isStreaming) standby.flushed = Math.min(standby.flushed + event.by, cluster.wal);
    }
    this.check(event);
  }

  private position(name: string): number {
    return name === this.cluster.primary ? this.cluster.wal : (this.cluster.standbys.get(name)?.flushed ?? 0);
  }

  /** Who may take part in an election by the key, beside the primary that is up. */
  private electing(): readonly string[] {
    const { key, primary, isInRecovery } = this.cluster;
    const all = names(key.voters, key.leader === undefined ? [] : [key.leader]);
    return isInRecovery ? all : minus(all, [primary]);
  }

  private acknowledge(): void {
    const { cluster } = this;
    if (cluster.isInRecovery || this.isLeaderless) return;
    const setting = parseSynchronousNames(cluster.names);
    const flushed = new Map([...cluster.standbys].filter(([, each]) => each.isStreaming).map(([name, each]) => [name, each.flushed]));
    const upTo = setting.method === 'off' ? cluster.wal : replicatedUpTo(setting, flushed);
    this.acknowledged = Math.max(this.acknowledged, Math.min(upTo ?? 0, cluster.wal));
  }

  private check(what: unknown): void {
    const { cluster } = this;
    this.acknowledge();
    this.told.push({ what, key: cluster.key, names: cluster.names, primary: cluster.primary, wal: cluster.wal });
    if (cluster.config['synchronous_mode'] === false || cluster.key.leader === undefined) return;
    const electing = this.electing();
    const { quorum } = cluster.key;
    if (electing.length <= quorum) return;
    const positions = electing.map((name) => this.position(name)).sort((x, y) => x - y);
    const worst = positions[quorum] ?? 0;
    if (worst < this.acknowledged) assert.fail(this.story(`who is elected may have ${worst} of ${this.acknowledged}`));
    if (cluster.isInRecovery || this.isLeaderless) return;
    // The same by the numbers alone: it shows the fault also when nothing is lost by it this time.
    const { method, count, names: listed } = parseSynchronousNames(cluster.names);
    const needed = method === 'off' ? 0 : count;
    if (needed > listed.length) return;
    const outside = listed.filter((name) => !electing.includes(name)).length;
    const left = electing.length - Math.max(0, needed - outside);
    if (left > quorum) assert.fail(this.story(`${quorum + 1} of {${electing}} can elect, and ${needed} of {${listed}} acknowledge`));
  }

  private story(what: string): string {
    return `${what}\n${this.told
      .slice(-25)
      .map((each) => JSON.stringify(each))
      .join('\n')}\n${this.cluster.log.slice(-10).join('\n')}`;
  }
}

const who = fc.constantFrom(...NODES);
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('flush' as const), who, by: fc.constantFrom(1, 2, 1000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('join' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), who }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'late' as const }) },
);
const outcomes = fc.constantFrom<WriteOutcome>('changed-by-another', 'unknown-done', 'unknown-not-done', 'unknown-late');

function stepsIn(mode: fc.Arbitrary<boolean | 'quorum'>): fc.Arbitrary<readonly Step[]> {
  const count = fc.integer({ min: 1, max: 3 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ kind: 'cycle' as const }) },
    { weight: 6, arbitrary: event },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), outcome: outcomes }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('config' as const), mode, count, isStrict: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constantFrom({ kind: 'agent restart' as const }, { kind: 'server restart' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail over' as const), pick: fc.nat(3) }) },
  );
  // It begins in everyday life: the rest is about how that changes.
  const begin: Step[] = [
    ...['b', 'c'].flatMap((name): Step[] => [
      { kind: 'join', who: name },
      { kind: 'flush', who: name, by: 1000 },
    ]),
    ...Array.from({ length: 5 }, (): Step => ({ kind: 'cycle' })),
  ];
  return fc.array(step, { minLength: 5, maxLength: 40 }).map((steps) => [...begin, ...steps]);
}

const MODES: readonly (readonly [string, boolean | 'quorum', fc.Arbitrary<boolean | 'quorum'>])[] = [
  ['priority mode', true, fc.constant(true)],
  ['quorum commit', 'quorum', fc.constant('quorum')],
  ['changes of the mode', true, fc.constantFrom<(boolean | 'quorum')[]>(true, 'quorum', false)],
];

for (const [what, first, mode] of MODES) {
  test(`I-8, I-9: at every instant whom the key lets lead has what was acknowledged: ${what}`, () =>
    fc.assert(
      fc.asyncProperty(stepsIn(mode), fc.array(event, { maxLength: 30 }), async (steps, meanwhile) => {
        const story = new Story(meanwhile);
        story.cluster.config = { synchronous_mode: first };
        for (const step of steps) await story.step(step);
      }),
      RUNS,
    ));
}
