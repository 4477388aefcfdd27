import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { milliseconds } from '../../src/base/duration.js';
import type { Timings } from '../../src/cluster/dynamic-config.js';
import { memberNamed } from '../../src/cluster/view.js';
import { type Dcs, type DcsEvent, DcsUnavailable } from '../../src/ports/dcs.js';

/** What a back end provides to run the suite. Each test uses scopes of its own, so that one server serves all. */
export interface DcsHarness {
  /** A started client. */
  client(name: string, scope: string): Promise<Dcs>;
  readonly timings: Timings;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  /** The result of `promise`; fails when it is not settled within `ms`. */
  within<T>(ms: number, promise: Promise<T>): Promise<T>;
  /** Resolves when `condition` holds; fails after `ms`. */
  until(condition: () => boolean, ms: number): Promise<void>;
  /** Writes text under a key, as another program would. */
  writeRaw(scope: string, key: string, value: string): Promise<void>;
  /** Makes the store not answer, and answer again. Absent: not tested. */
  readonly setAvailable?: (isAvailable: boolean) => Promise<void>;
  /** Where a member's key is not bound to its lease: ends what it is bound to. `deleteCluster` leaves it then. */
  readonly removeMember?: (name: string) => Promise<void>;
  /** How long after its ttl an expired key may still be there. */
  readonly expirySlackMs: number;
  /** `/sync` is emptied where others delete it, and keeps its version. */
  readonly emptiesSync?: boolean;
  close(): Promise<void>;
}

/** Beyond the budget of a call: its timer, the scheduler of a loaded machine. */
const SLACK_MS = 500;
let scopeCount = 0;

/** The promises of the `Dcs` port, for every back end. */
export function dcsContract(backEnd: string, makeHarness: () => Promise<DcsHarness>): void {
  describe(`Dcs contract: ${backEnd}`, () => {
    let harness: DcsHarness;
    let opened: Dcs[] = [];
    before(async () => {
      harness = await makeHarness();
    });
    after(() => harness.close());
    afterEach(async () => {
      for (const dcs of opened) await dcs.close();
      opened = [];
    });

    const call = { timeoutMs: milliseconds(3000) };
    const newScope = (): string => {
      scopeCount += 1;
      return `contract-${scopeCount}`;
    };
    const open = async (name: string, scope: string): Promise<Dcs> => {
      const dcs = await harness.client(name, scope);
      opened.push(dcs);
      return dcs;
    };
    const pair = async (): Promise<{ a: Dcs; b: Dcs; scope: string }> => {
      const scope = newScope();
      return { scope, a: await open('a', scope), b: await open('b', scope) };
    };
    const leaderOf = async (dcs: Dcs): Promise<string | undefined> => (await dcs.load(call)).leader?.name;
    /** Repeats a read until it shows what is claimed: a reader may be a moment behind the writer. */
    const seen = async (dcs: Dcs, claim: (view: Awaited<ReturnType<Dcs['load']>>) => boolean, ms = 5000): Promise<void> => {
      for (let waited = 0; ; waited += 50) {
        const view = await dcs.load(call);
        if (claim(view)) return;
        assert.ok(waited < ms, `not seen within ${ms} ms: ${JSON.stringify(view, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`);
        await harness.pass(50);
      }
    };
    const expiryMs = (): number => harness.timings.ttlMs + harness.expirySlackMs;

    describe('leader lock', () => {
      test('one of two gets it, and both see who', async () => {
        const { a, b } = await pair();
        const results = await Promise.all([a.acquireLeaderLock(call), b.acquireLeaderLock(call)]);
        assert.deepEqual([...results].sort(), ['acquired', 'held-by-other']);
        const winner = results[0] === 'acquired' ? 'a' : 'b';
        await seen(a, (view) => view.leader?.name === winner);
        await seen(b, (view) => view.leader?.name === winner);
      });

      test('only its owner renews or releases it', async () => {
        const { a, b } = await pair();
        assert.equal(await a.acquireLeaderLock(call), 'acquired');
        await seen(b, (view) => view.leader?.name === 'a');
        const { leader } = await b.load(call);
        assert.equal(await b.renewLeaderLock(leader, call), 'lost');
        assert.equal(await b.releaseLeaderLock(leader, call), false);
        assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'renewed');
        assert.equal(await a.releaseLeaderLock((await a.load(call)).leader, call), true);
        assert.equal(await leaderOf(a), undefined);
        assert.equal(await b.acquireLeaderLock(call), 'acquired');
      });

      test('a renewal without any leader in the view repairs, or creates what is absent', async () => {
        const { a } = await pair();
        assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
        assert.equal(await leaderOf(a), 'a');
        assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
      });

      test('a renewal that may not create leaves an absent key absent, and renews an own one', async () => {
        const { a } = await pair();
        assert.equal(await a.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'lost');
        assert.equal(await leaderOf(a), undefined);
        assert.equal(await a.acquireLeaderLock(call), 'acquired');
        assert.equal(await a.renewLeaderLock((await a.load(call)).leader, { ...call, mayCreate: false }), 'renewed');
      });

      test('renewals keep it beyond its ttl', async () => {
        const { a, b } = await pair();
        assert.equal(await a.acquireLeaderLock(call), 'acquired');
        for (let passed = 0; passed < 1.5 * harness.timings.ttlMs; passed += harness.timings.ttlMs / 4) {
          await harness.pass(harness.timings.ttlMs / 4);
          assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'renewed');
        }
        assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
      });

      test('it expires, another is told and gets it, and the former owner has lost it', async () => {
        const { a, b } = await pair();
        assert.equal(await a.acquireLeaderLock(call), 'acquired');
        const { leader } = await a.load(call);
        await seen(b, (view) => view.leader?.name === 'a');
        // The event of the acquisition has arrived before: only the expiry is left to tell.
        await harness.pass(200);
        const events: DcsEvent[] = [];
        b.subscribe((event) => events.push(event));
        await harness.until(() => events.some((event) => event.kind === 'leader-changed'), expiryMs());
        assert.equal(await leaderOf(b), undefined);
        assert.equal(await b.acquireLeaderLock(call), 'acquired');
        assert.equal(await a.renewLeaderLock(leader, call), 'lost');
        assert.equal(await a.acquireLeaderLock(call), 'held-by-other');
        await seen(a, (view) => view.leader?.name === 'b');
      });

      test('its owner gets an expired lock again while nobody else has it', async () => {
        const { a, b } = await pair();
        assert.equal(await a.acquireLeaderLock(call), 'acquired');
        const { leader } = await a.load(call);
        await harness.pass(expiryMs());
        await seen(b, (view) => view.leader === undefined);
        assert.equal(await a.renewLeaderLock(leader, call), 'renewed');
        assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
      });

      test('it can be taken at the end of a bootstrap', async () => {
        const { a } = await pair();
        assert.equal(await a.takeLeaderLock(call), true);
        assert.equal(await leaderOf(a), 'a');
      });

      test('a changed ttl keeps it', async () => {
        const { a, b } = await pair();
        assert.equal(await a.acquireLeaderLock(call), 'acquired');
        await a.configure({ ...harness.timings, ttlMs: milliseconds(harness.timings.ttlMs * 5) }, {});
        assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'renewed');
        // A server of an ensemble that still tells of the connection before counts with the ttl before, until the next renewal.
        await harness.pass(harness.timings.loopWaitMs);
        assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'renewed');
        await harness.pass(expiryMs());
        assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
        assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'renewed');
      });
    });

    describe('values', () => {
      test('a cluster without keys is the empty view', async () => {
        const { a } = await pair();
        const view = await a.load(call);
        assert.equal(view.leader, undefined);
        assert.equal(view.initialize, undefined);
        assert.equal(view.config, undefined);
        assert.deepEqual(view.members, []);
        assert.equal(view.sync.version, undefined);
      });

      test('garbage is no failure', async () => {
        const { a, scope } = await pair();
        for (const key of ['config', 'status', 'members/x', 'failover', 'sync', 'history', 'failsafe', 'members/y/z', 'nonsense']) {
          await harness.writeRaw(scope, key, '\u0000{[garbage é');
        }
        await seen(a, (view) => view.members.length === 1 && view.config !== undefined);
        const view = await a.load(call);
        assert.equal(view.config?.isValid, false);
        assert.deepEqual(view.members[0]?.data, {});
        assert.equal(view.sync.leader, undefined);
      });

      test('a name that begins alike is another cluster', async () => {
        const scope = newScope();
        const demo = await open('a', scope);
        const other = await open('a', `${scope}2`);
        assert.equal(await other.acquireLeaderLock(call), 'acquired');
        assert.equal(await other.writeConfig('{"ttl":30}', undefined, call), true);
        assert.equal(await leaderOf(demo), undefined);
        assert.equal(await demo.acquireLeaderLock(call), 'acquired');
        assert.equal(await demo.deleteCluster(call), true);
        assert.equal(await leaderOf(demo), undefined);
        assert.equal(await leaderOf(other), 'a');
      });

      test('plain writes are read back as text', async () => {
        const { a, b } = await pair();
        const status = '{"optime":9223372036854775807,"slots":{"b":67395656},"retain_slots":["b"]}';
        assert.equal(await a.writeStatus(status, call), true);
        assert.equal(await a.writeLegacyOptime('12', call), true);
        assert.equal(await a.writeFailsafe('{"a":"http://h:8008/patroni"}', call), true);
        assert.equal(await a.writeHistory('[[1,50331808,"é \\u00e9"]]', call), true);
        await seen(b, (view) => view.history !== undefined);
        const view = await b.load(call);
        assert.equal(view.status.lastLsn, 9223372036854775807n);
        assert.equal(view.status.slots?.get('b'), 67395656n);
        assert.deepEqual(view.status.retainSlots, ['b']);
        assert.equal(view.failsafe?.get('a'), 'http://h:8008/patroni');
        assert.equal(view.history?.lines.length, 1);
      });

      test('the legacy position counts while there is no status', async () => {
        const { a } = await pair();
        assert.equal(await a.writeLegacyOptime('12', call), true);
        assert.equal((await a.load(call)).status.lastLsn, 12n);
      });

      test('initialize: only one creates it; it is overwritten and deleted', async () => {
        const { a, b } = await pair();
        const results = await Promise.all([a.writeInitialize('', 'create', call), b.writeInitialize('', 'create', call)]);
        assert.deepEqual([...results].sort(), [false, true]);
        assert.equal((await a.load(call)).initialize, '');
        assert.equal(await a.writeInitialize('7391028445120093121', 'create', call), false);
        assert.equal(await a.writeInitialize('7391028445120093121', 'overwrite', call), true);
        assert.equal((await a.load(call)).initialize, '7391028445120093121');
        assert.equal(await a.deleteInitialize(call), true);
        assert.equal((await a.load(call)).initialize, undefined);
      });

      for (const key of ['config', 'failover'] as const) {
        test(`${key}: compare-and-set`, async () => {
          const { a, b } = await pair();
          const write = (dcs: Dcs, value: string, version: string | undefined): Promise<boolean> =>
            key === 'config' ? dcs.writeConfig(value, version, call) : dcs.writeFailover(value, version, call);
          const version = async (dcs: Dcs): Promise<string | undefined> => (await dcs.load(call))[key]?.version;
          assert.equal(await write(a, '{"leader":"a","ttl":30}', undefined), true);
          await seen(b, (view) => view[key] !== undefined);
          const first = await version(b);
          assert.notEqual(first, undefined);
          assert.equal(await write(b, '{"leader":"b","ttl":31}', first), true);
          assert.equal(await write(a, '{"leader":"c","ttl":32}', first), false);
          await seen(a, (view) => view[key]?.version !== first);
          assert.equal(await write(a, '{"leader":"d","ttl":33}', undefined), true);
        });
      }

      test('sync: compare-and-set with the version that a write returns', async () => {
        const { a, b } = await pair();
        const first = await a.writeSync('{"leader":"a","sync_standby":"b","quorum":0}', undefined, call);
        assert.ok(first !== undefined);
        assert.equal((await a.load(call)).sync.version, first);
        const second = await a.writeSync('{"leader":"a","sync_standby":null,"quorum":0}', first, call);
        assert.ok(second !== undefined && second !== first);
        assert.equal(await b.writeSync('{"leader":"b","sync_standby":null,"quorum":0}', first, call), undefined);
        assert.equal(await b.deleteSync(first, call), false);
        assert.equal((await a.load(call)).sync.leader, 'a');
        assert.equal(await a.deleteSync(second, call), true);
        const { sync } = await a.load(call);
        assert.deepEqual([sync.leader, sync.version !== undefined], [undefined, harness.emptiesSync === true]);
      });

      test('sync: without a version nothing is overwritten', async () => {
        const { a, b } = await pair();
        const first = await a.writeSync('{"leader":"a","sync_standby":"b","quorum":0}', undefined, call);
        assert.ok(first !== undefined);
        assert.equal(await b.writeSync('{"leader":"b","sync_standby":null,"quorum":0}', undefined, call), undefined);
        const { sync } = await a.load(call);
        assert.deepEqual([sync.version, sync.leader, sync.voters], [first, 'a', ['b']]);
      });

      test('sync: an equal value with a blank more is another version', async () => {
        const { a } = await pair();
        const text = '{"leader":"a","sync_standby":"b","quorum":0}';
        const first = await a.writeSync(text, undefined, call);
        const second = await a.writeSync(`${text} `, first, call);
        assert.ok(second !== undefined && second !== first);
        assert.deepEqual((await a.load(call)).sync, { version: second, leader: 'a', voters: ['b'], quorum: 0 });
      });

      test('deleteCluster leaves nothing', async () => {
        const { a } = await pair();
        await a.acquireLeaderLock(call);
        await a.touchMember('{"state":"running"}', undefined, call);
        await a.writeSync('{"leader":"a"}', undefined, call);
        assert.equal(await a.deleteCluster(call), true);
        const view = await a.load(call);
        const left = harness.removeMember === undefined ? 0 : 1;
        assert.deepEqual([view.leader, view.members.length, view.sync.version], [undefined, left, undefined]);
      });
    });

    describe('member key', () => {
      test('it is written, left alone while equal, and rewritten when changed', async () => {
        const { a } = await pair();
        assert.equal(await a.touchMember('{"state":"running","xlog_location":1}', undefined, call), true);
        const first = memberNamed(await a.load(call), 'a');
        assert.ok(first !== undefined);
        assert.equal(await a.touchMember('{"xlog_location":1,"state":"running"}', first, call), true);
        assert.equal(memberNamed(await a.load(call), 'a')?.data['xlog_location'], 1);
        assert.equal(await a.touchMember('{"state":"stopped"}', first, call), true);
        const second = memberNamed(await a.load(call), 'a');
        assert.deepEqual(second?.data, { state: 'stopped' });
      });

      test('it disappears with its owner', async () => {
        const { a, b } = await pair();
        assert.equal(await a.touchMember('{"state":"running"}', undefined, call), true);
        await seen(b, (view) => view.members.length === 1);
        await (harness.removeMember?.('a') ?? harness.pass(expiryMs()));
        await seen(b, (view) => view.members.length === 0);
        assert.equal(await a.touchMember('{"state":"running"}', undefined, call), true);
        await seen(b, (view) => view.members.length === 1);
      });
    });

    describe('events', () => {
      test('each change wakes the other member and not its writer', async () => {
        const { a, b } = await pair();
        await a.load(call);
        await b.load(call);
        const own: string[] = [];
        const others: string[] = [];
        await a.writeConfig('{"ttl":30}', undefined, call);
        await seen(b, (view) => view.config !== undefined);
        a.subscribe((event) => own.push(event.kind));
        b.subscribe((event) => others.push(event.kind));
        const expectEvent = (kind: DcsEvent['kind']): Promise<void> => harness.until(() => others.includes(kind), 2000);
        await a.acquireLeaderLock(call);
        await expectEvent('leader-changed');
        await a.writeConfig('{"ttl":31}', undefined, call);
        await expectEvent('config-changed');
        await a.writeStatus('{"optime":1}', call);
        await expectEvent('status-changed');
        await a.writeFailover('{"leader":"a","member":"b"}', undefined, call);
        await expectEvent('failover-changed');
        await a.touchMember('{"state":"running"}', undefined, call);
        await expectEvent('members-changed');
        await a.writeSync('{"leader":"a","sync_standby":"b"}', undefined, call);
        await expectEvent('sync-changed');
        const before = others.length;
        await a.writeStatus('{"optime":1}', call);
        await a.writeFailover('{}', undefined, call);
        await harness.until(() => others.length > before, 2000);
        assert.deepEqual(others.slice(before), ['failover-changed'], 'an equal value is no change');
        assert.deepEqual(own, []);
      });

      test('a listener that left is not called', async () => {
        const { a, b } = await pair();
        // Events are changes of what was read before.
        await b.load(call);
        const left: string[] = [];
        const stayed: string[] = [];
        b.subscribe((event) => left.push(event.kind))();
        b.subscribe((event) => stayed.push(event.kind));
        await a.acquireLeaderLock(call);
        await harness.until(() => stayed.length > 0, 2000);
        assert.deepEqual(left, []);
      });
    });

    test('without the store each call ends as unknown within its budget, and works again after', async (t) => {
      if (harness.setAvailable === undefined) return t.skip('the back end can not be stopped');
      const { a } = await pair();
      await a.acquireLeaderLock(call);
      const { leader } = await a.load(call);
      await harness.setAvailable(false);
      const short = { timeoutMs: milliseconds(1000) };
      const fails = (promise: Promise<unknown>): Promise<void> =>
        harness.within(short.timeoutMs + SLACK_MS, assert.rejects(promise, DcsUnavailable));
      await Promise.all([
        fails(a.renewLeaderLock(leader, short)),
        fails(a.acquireLeaderLock(short)),
        fails(a.writeStatus('{"optime":2}', short)),
        fails(a.writeSync('{"leader":"a"}', undefined, short)),
        fails(a.writeFailover('{}', undefined, short)),
      ]);
      await fails(a.load(short));
      await harness.setAvailable(true);
      await harness.within(5000, a.load({ timeoutMs: milliseconds(5000) }));
      assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'renewed');
      assert.equal(await a.writeStatus('{"optime":3}', call), true);
      await seen(a, (view) => view.leader?.name === 'a' && view.status.lastLsn === 3n);
    });
  });
}
