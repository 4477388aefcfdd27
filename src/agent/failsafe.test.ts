import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster, healthyStandby, lsn, ME, type Scene } from '../../test/support/builders.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { silentLog } from '../../test/support/silent-log.js';
import { milliseconds, seconds } from '../base/duration.js';
import { EMPTY_VIEW } from '../cluster/view.js';
import { type Dcs, DcsUnavailable } from '../ports/dcs.js';
import type { FailsafePing, FailsafeReply } from '../ports/peers.js';
import type { AgentPorts } from './environment.js';
import { Failsafe } from './failsafe.js';
import type { JobRunner } from './job-runner.js';
import { LockKeeper } from './lock-keeper.js';
import { noWatchdog } from './no-watchdog.js';
import { type AgentState, initialState } from './state.js';

const TTL = 30_000;
const ping = (name: string, rest: Partial<FailsafePing> = {}): FailsafePing => ({ name, conn_url: 'c', api_url: 'u', ...rest });
const url = (name: string): string => `http://${name}:8008/patroni`;
const CONSENT: FailsafeReply = { accepted: true, lsn: lsn(900) };

/** One member's failsafe mode, its lock and what it is answered. */
class Bench {
  readonly clock = new ManualClock();
  readonly asked: { readonly name: string; readonly ping: FailsafePing }[] = [];
  readonly maps: string[] = [];
  fenced = 0;
  /** How the store and the members answer. */
  store: { acquire: () => Promise<'acquired' | 'held-by-other'>; write: () => Promise<boolean> } = {
    acquire: async () => 'acquired',
    write: async () => true,
  };
  member: (name: string) => Promise<FailsafeReply> = async () => CONSENT;
  readonly state: AgentState;
  readonly lock: LockKeeper;
  readonly failsafe: Failsafe;
  readonly scene: Scene;

  constructor(scene: Scene, job?: JobRunner['current']) {
    this.scene = scene;
    const { clock } = this;
    const dcs = {
      acquireLeaderLock: () => this.store.acquire(),
      renewLeaderLock: () => Promise.reject(new DcsUnavailable('no answer')),
      writeFailsafe: (text: string) => {
        this.maps.push(text);
        return this.store.write();
      },
    } as unknown as Dcs;
    const ports = {
      clock,
      dcs,
      log: silentLog,
      peers: {
        failsafe: (name: string, _url: string, sent: FailsafePing) => {
          this.asked.push({ name, ping: sent });
          return this.member(name);
        },
      },
      configuration: { name: ME, identity: () => ({ connUrl: 'postgres://a:5432/postgres', apiUrl: url(ME) }) },
    } as unknown as AgentPorts;
    this.state = initialState(scene.observation.config, {}, scene.observation.postgres);
    const timings = () => ({ ttlMs: TTL, loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) });
    const fence = (): void => {
      this.fenced += 1;
    };
    const budget = () => seconds(10);
    this.lock = new LockKeeper({
      clock,
      dcs,
      log: silentLog,
      watchdog: noWatchdog,
      timings,
      budget,
      onHeld: () => undefined,
      onExpired: fence,
      onLost: fence,
    });
    this.failsafe = new Failsafe({ ports, state: this.state, lock: this.lock, jobs: { current: job } as JobRunner });
  }

  shows(...names: readonly string[]): void {
    this.failsafe.loaded({ ...EMPTY_VIEW, failsafe: new Map(names.map((name) => [name, url(name)])) }, this.clock.monotonic());
  }

  observation(): Scene['observation'] {
    const left = this.lock.leaseEnd - this.clock.monotonic();
    return { ...this.scene.observation, leaseLeftMs: left, failsafe: this.failsafe.known() };
  }

  publish(...names: readonly string[]): Promise<void> {
    const members = names.map((name) => ({ name, version: '', session: undefined, data: { api_url: url(name) } }));
    const view = { ...this.scene.seen, members };
    return this.failsafe.publish({ ...this.scene.observation, cluster: { kind: 'known', view } });
  }
}

const leading = async (): Promise<Bench> => {
  const bench = new Bench(healthyCluster());
  await bench.lock.acquire();
  bench.shows('a', 'b', 'c');
  return bench;
};

describe('a primary without store', () => {
  test('asks all others, and its lease goes on for ttl from before the question', async () => {
    const bench = await leading();
    await bench.clock.advance(20_000);
    bench.member = async () => {
      await bench.clock.advance(1500);
      return CONSENT;
    };
    assert.deepEqual(await bench.failsafe.round(bench.observation()), { kind: 'confirmed' });
    assert.deepEqual(bench.asked.map(({ name }) => name).sort(), ['b', 'c']);
    assert.equal(bench.asked[0]?.ping.ttl, 30);
    assert.equal(bench.lock.leaseEnd, 50_000);
    assert.equal(bench.failsafe.isActive, true);
    assert.deepEqual([...bench.failsafe.known().positions.keys()], ['b', 'c']);
    await bench.clock.advance(30_000);
    assert.equal(bench.fenced, 1);
    assert.equal(bench.failsafe.isActive, false);
  });

  test('does not go on when one does not consent', async () => {
    const bench = await leading();
    bench.member = async (name) => (name === 'c' ? { accepted: false, lsn: undefined } : CONSENT);
    assert.deepEqual(await bench.failsafe.round(bench.observation()), { kind: 'unconfirmed', missing: ['c'] });
    assert.equal(bench.lock.leaseEnd, TTL);
    bench.member = async (name) => (name === 'c' ? { accepted: false, lsn: undefined, isLeading: true } : CONSENT);
    assert.deepEqual(await bench.failsafe.round(bench.observation()), { kind: 'other-leader', name: 'c' });
  });

  test('does not take a lease up again that ended while it asked', async () => {
    const bench = await leading();
    await bench.clock.advance(29_000);
    bench.member = async (name) => {
      if (name === 'c') await bench.clock.advance(1500);
      return CONSENT;
    };
    assert.deepEqual(await bench.failsafe.round(bench.observation()), { kind: 'unconfirmed', missing: [] });
    assert.equal(bench.lock.isHeld, false);
    assert.equal(bench.fenced, 1);
  });

  test('keeps what the members gave when the store shows no key, and nothing when it shows another owner', async () => {
    const bench = await leading();
    await bench.clock.advance(20_000);
    await bench.failsafe.round(bench.observation());
    bench.lock.keyGone();
    assert.equal(bench.lock.leaseEnd, 50_000);
    bench.lock.drop();
    assert.equal(bench.lock.isHeld, false);
  });

  test('an answer of the store takes the place of the consent; without consent a missing key ends the lease', async () => {
    const bench = await leading();
    await bench.failsafe.round(bench.observation());
    await bench.clock.advance(1000);
    await bench.lock.acquire();
    assert.equal(bench.failsafe.isActive, false);
    assert.equal(bench.lock.leaseEnd, 31_000);
    bench.lock.keyGone();
    assert.equal(bench.lock.isHeld, false);
  });
});

describe('the map', () => {
  test('is written when it changed, and asked for as far as the store may have it', async () => {
    const bench = await leading();
    await bench.publish('a', 'b', 'c');
    assert.deepEqual(bench.maps, []);
    bench.store.write = () => Promise.reject(new DcsUnavailable('no answer'));
    await bench.publish('a', 'b');
    assert.equal(bench.maps.length, 1);
    // Neither map is known to be the one that the store has.
    assert.deepEqual([...bench.failsafe.known().members.keys()].sort(), ['a', 'b', 'c']);
    bench.store.write = async () => true;
    await bench.publish('a', 'd');
    assert.deepEqual([...bench.failsafe.known().members.keys()].sort(), ['a', 'b', 'c', 'd']);
    await bench.clock.advance(1);
    bench.shows('a', 'd');
    assert.deepEqual([...bench.failsafe.known().members.keys()].sort(), ['a', 'b', 'd']);
    await bench.clock.advance(TTL);
    bench.shows('a', 'd');
    assert.deepEqual([...bench.failsafe.known().members.keys()].sort(), ['a', 'd']);
  });

  test('that the store refused counts for nothing', async () => {
    const bench = await leading();
    bench.store.write = async () => false;
    await bench.publish('a', 'b');
    assert.deepEqual([...(bench.failsafe.map?.keys() ?? [])], ['a', 'b', 'c']);
  });
});

describe('a member that is asked', () => {
  test('consents, and holds back for ttl, or for that of the primary if it is longer', async () => {
    const bench = new Bench(healthyStandby());
    assert.deepEqual(bench.failsafe.accept(ping('b'), lsn(5)), { kind: 'accepted', lsn: lsn(5) });
    assert.equal(bench.failsafe.known().promise?.until, TTL);
    bench.failsafe.accept(ping('b', { ttl: 60 }), undefined);
    assert.equal(bench.failsafe.known().promise?.until, 60_000);
    await bench.clock.advance(60_000);
    assert.equal(bench.failsafe.known().promise, undefined);
  });

  test('one primary at a time', async () => {
    const bench = new Bench(healthyStandby());
    bench.failsafe.accept(ping('b'), undefined);
    assert.equal(bench.failsafe.accept(ping('c'), undefined).kind, 'refused');
    await bench.clock.advance(TTL);
    assert.equal(bench.failsafe.accept(ping('c'), undefined).kind, 'accepted');
  });

  test('not against the leader of the store', () => {
    const bench = new Bench(healthyStandby());
    bench.state.view = bench.scene.seen;
    assert.equal(bench.failsafe.accept(ping('c'), undefined).kind, 'refused');
    assert.equal(bench.failsafe.accept(ping('b'), undefined).kind, 'accepted');
  });

  test('not while it leads, or asks for the lock, or is being promoted', async () => {
    const refused = { kind: 'running-as-leader' };
    assert.deepEqual(new Bench(healthyCluster()).failsafe.accept(ping('b'), undefined), refused);
    assert.deepEqual(new Bench(healthyCluster().server({ role: 'replica' })).failsafe.accept(ping('b'), undefined), refused);
    const job = { job: { kind: 'promote' as const }, startedAt: milliseconds(0), isPrePromoteOpen: true };
    assert.deepEqual(new Bench(healthyStandby(), job).failsafe.accept(ping('b'), undefined), refused);

    const bench = new Bench(healthyStandby());
    let answer: (outcome: 'acquired' | 'held-by-other') => void = () => undefined;
    bench.store.acquire = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const acquiring = bench.lock.acquire();
    assert.deepEqual(bench.failsafe.accept(ping('b'), undefined), refused);
    await Promise.resolve();
    answer('held-by-other');
    await acquiring;
    assert.equal(bench.failsafe.accept(ping('b'), undefined).kind, 'accepted');
  });
});
