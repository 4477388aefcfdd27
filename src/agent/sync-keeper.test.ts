import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SyncCluster } from '../../test/support/sync-cluster.js';
import { PLACEHOLDER } from '../ha/sync/standby-names.js';

const QUORUM = { synchronous_mode: 'quorum' };
const begun = (): SyncCluster => new SyncCluster().having('a:', '');

interface Case {
  readonly name: string;
  readonly given: (cluster: SyncCluster) => SyncCluster;
  readonly config?: Readonly<Record<string, unknown>>;
  /** What two seconds of cycles do, in order. */
  readonly effects: readonly string[];
  readonly log?: readonly string[];
}

const PRIORITY: readonly Case[] = [
  {
    name: 'T111: the mode is on, the key is empty, no standby: the key is claimed, and commits wait for nobody',
    given: (c) => c,
    effects: ['key a:'],
    log: ['info Enabled synchronous replication'],
  },
  {
    name: 'T111: names that are left in the setting are removed',
    given: (c) => {
      c.names = 'b';
      return c;
    },
    effects: ['key a:', 'names -'],
  },
  {
    name: 'T112: the same in strict mode: commits wait for a name that nobody has',
    given: (c) => c,
    config: { synchronous_mode: true, synchronous_mode_strict: true },
    effects: ['key a:', `names ${PLACEHOLDER}`],
    log: [
      'warning No active replication connections from Patroni members and synchronous_mode_strict is requested. Commits will be delayed.',
    ],
  },
  {
    name: 'T113: a standby that has everything is waited for first and named in the key afterwards',
    given: (c) => c.having('a:', '').standby('b'),
    effects: ['names b', 'key a:b'],
    log: ["info Synchronous standby status assigned to ['b']"],
  },
  {
    name: 'T117: strict, nobody else is there: neither the key nor the setting changes',
    given: (c) => c.having('a:b', 'b').standby('b', { isStreaming: false }),
    config: { synchronous_mode: true, synchronous_mode_strict: true },
    effects: [],
    log: [
      'warning No active replication connections from Patroni members and synchronous_mode_strict is requested. Continue using old value of synchronous_standby_names="b". Commits will be delayed.',
    ],
  },
  {
    name: 'T115: a standby that went is replaced: it leaves the key first, and the new one enters it last',
    given: (c) => c.having('a:b', 'b').standby('b', { isStreaming: false }).standby('c'),
    effects: ['key a:', 'names c', 'key a:c'],
  },
  {
    name: 'T118: the key of another leader promises nobody anything any more',
    given: (c) => c.having('z:a', '').standby('b'),
    effects: ['key a:', 'names b', 'key a:b'],
    log: ["warning Inconsistent state of /sync key detected, leader = z doesn't match a, updating synchronous replication key"],
  },
  {
    name: 'T119: the mode is switched off: the key is deleted first, then commits wait for nobody',
    given: (c) => c.having('a:b', 'b').standby('b'),
    config: {},
    effects: ['key -', 'names -'],
    log: ['info Disabled synchronous replication'],
  },
  {
    name: 'T120: a second standby joins two that are wanted',
    given: (c) => c.having('a:b', 'b').standby('b').standby('c'),
    config: { synchronous_mode: true, synchronous_node_count: 2 },
    effects: ['names 2 (b,c)', 'key a:b,c'],
  },
  {
    name: 'T121: the higher sync_priority counts more than being synchronous already and than the position',
    given: (c) =>
      c
        .having('a:b', 'b')
        .standby('b', { flushed: 900, tags: { sync_priority: 1 } })
        .standby('c', { tags: { sync_priority: 2 } }),
    effects: ['key a:', 'names c', 'key a:c'],
  },
  {
    name: 'T122: a synchronous standby that lags more than maximum_lag_on_syncnode is replaced',
    given: (c) => c.having('a:b', 'b').standby('b', { flushed: 900 }).standby('c'),
    config: { synchronous_mode: true, maximum_lag_on_syncnode: 50 },
    effects: ['key a:', 'names c', 'key a:c'],
  },
  {
    name: 'T122: it stays with maximum_lag_on_syncnode -1',
    given: (c) => c.having('a:b', 'b').standby('b', { flushed: 900 }).standby('c'),
    config: { synchronous_mode: true, maximum_lag_on_syncnode: -1 },
    effects: [],
  },
  {
    name: 'T123: a member that is tagged nosync is never picked',
    given: (c) => c.having('a:', '').standby('b', { tags: { nosync: true } }),
    effects: [],
  },
  {
    name: 'T123: nor is one that renounces: it leaves the key first',
    given: (c) => c.having('a:b', 'b').standby('b', { tags: { nosync: true, sync_priority: 0 } }),
    effects: ['key a:', 'names -'],
  },
  {
    name: 'T124: a member that is to replicate from another standby is not picked while that one is there',
    given: (c) =>
      c
        .having('a:b', 'b')
        .standby('b', { flushed: 900 })
        .standby('c', { tags: { replicatefrom: 'b' } }),
    config: { synchronous_mode: true, synchronous_node_count: 2 },
    effects: [],
  },
  {
    name: 'T124: it is picked when that one is gone',
    given: (c) =>
      c
        .having('a:b', 'b')
        .standby('b', { isStreaming: false })
        .standby('c', { tags: { replicatefrom: 'b' } }),
    effects: ['key a:', 'names c', 'key a:c'],
  },
];

const QUORUM_COMMIT: readonly Case[] = [
  {
    name: 'T129: the first standbys of a quorum are waited for before the key names them',
    given: (c) => c.standby('b').standby('c'),
    config: QUORUM,
    effects: ['key a:', 'names ANY 1 (b,c)', 'key a:b,c/1'],
    log: ['info Setting leader to a, quorum to 1 of (b, c)'],
  },
  {
    name: 'T129: also when only one of them is confirmed',
    given: (c) => c.standby('b').standby('c', { flushed: 900 }),
    config: QUORUM,
    effects: ['key a:', 'names ANY 1 (b,c)', 'key a:b,c/1'],
  },
  {
    name: 'T130: a standby of a quorum is lost: fewer are waited for, then fewer may elect',
    given: (c) => c.having('a:b,c/1', 'ANY 1 (b,c)').standby('b').standby('c', { isStreaming: false }),
    config: QUORUM,
    effects: ['names ANY 1 (b)', 'key a:b'],
  },
  {
    name: 'T131: a higher number of acknowledging standbys comes into force before the quorum is lowered',
    given: (c) => c.having('a:b,c/1', 'ANY 1 (b,c)').standby('b').standby('c'),
    config: { ...QUORUM, synchronous_node_count: 2 },
    effects: ['names ANY 2 (b,c)', 'key a:b,c'],
  },
  {
    name: 'T132: a lower number of them comes into force after the quorum was raised',
    given: (c) => c.having('a:b,c', 'ANY 2 (b,c)').standby('b').standby('c'),
    config: QUORUM,
    effects: ['key a:b,c/1', 'names ANY 1 (b,c)'],
  },
  {
    name: 'T133: all standbys of a quorum are lost: nobody may elect, then commits wait for nobody',
    given: (c) => c.having('a:b,c/1', 'ANY 1 (b,c)').standby('b', { isStreaming: false }).standby('c', { isStreaming: false }),
    config: QUORUM,
    effects: ['key a:', 'names -'],
  },
  {
    name: 'T142: from quorum to priority: nobody is promised anything, the setting changes, and who is proven anew is named',
    given: (c) => c.having('a:b', 'ANY 1 (b)').standby('b'),
    effects: ['key a:', 'names b', 'key a:b'],
  },
];

for (const [what, cases] of Object.entries({ 'priority mode': PRIORITY, 'quorum commit': QUORUM_COMMIT })) {
  describe(`the leader's work on synchronous replication: ${what}`, () => {
    for (const { name, given, config, effects, log } of cases) {
      test(name, async () => {
        const cluster = given(new SyncCluster());
        if (config !== undefined) cluster.config = config;
        assert.deepEqual(await cluster.work(), effects, cluster.log.join('\n'));
        for (const line of log ?? []) assert.ok(cluster.log.includes(line), `not logged: ${line}\n${cluster.log.join('\n')}`);
      });
    }
  });
}

describe("the leader's work on synchronous replication: step by step", () => {
  test('T114: a standby that has not caught up after two seconds is waited for, and named in the key when it has', async () => {
    const cluster = begun().standby('b', { flushed: 900 });
    assert.deepEqual(await cluster.work(), ['names b']);
    // More than it had then, and less than what was there when the setting came into force.
    cluster.standby('b', { flushed: 999 });
    assert.deepEqual(await cluster.work(), []);
    cluster.standby('b', { flushed: 1000 });
    assert.deepEqual(await cluster.work(), ['key a:b']);
  });

  test('T116: the first step of a replacement that lost its compare-and-set is the last one of the cycle', async () => {
    const cluster = new SyncCluster().having('a:b', 'b').standby('b', { isStreaming: false }).standby('c');
    cluster.outcomes = ['changed-by-another'];
    await cluster.cycle();
    assert.deepEqual([cluster.effects, cluster.names, cluster.key.voters], [[], 'b', ['b']]);
    assert.ok(cluster.log.includes('info Synchronous replication key updated by someone else.'));
    assert.deepEqual(await cluster.work(), ['key a:', 'names c', 'key a:c']);
  });

  test('T116: so is one that the store did not answer', async () => {
    const cluster = new SyncCluster().having('a:b', 'b').standby('b', { isStreaming: false }).standby('c');
    cluster.outcomes = ['unknown-not-done'];
    assert.equal(await cluster.cycle(), false);
    assert.deepEqual([cluster.effects, cluster.names], [[], 'b']);
  });

  test('T112: the warning of the strict mode is said once', async () => {
    const cluster = begun();
    cluster.config = { synchronous_mode: true, synchronous_mode_strict: true };
    await cluster.work(5000);
    assert.equal(cluster.log.filter((line) => line.includes('Commits will be delayed')).length, 1);
  });

  test('T123: who renounced is picked again afterwards', async () => {
    const cluster = begun().standby('b', { tags: { nosync: true, sync_priority: 0 } });
    assert.deepEqual(await cluster.work(), []);
    cluster.standby('b', { tags: {} });
    assert.deepEqual(await cluster.work(), ['names b', 'key a:b']);
  });

  test('a synchronous standby that stands still is replaced by one that went on, and not before five seconds', async () => {
    const cluster = new SyncCluster().having('a:b', 'b').standby('b').standby('c');
    // However long nobody wrote: that is no standing still.
    await cluster.work(20_000);
    cluster.wal += 100;
    cluster.standby('c', { flushed: cluster.wal });
    assert.deepEqual(await cluster.work(4400), []);
    assert.deepEqual(await cluster.work(), ['key a:', 'names c', 'key a:c']);
    // Back again it is one of those that may take a place, not the one that has it.
    cluster.standby('b', { flushed: cluster.wal });
    assert.deepEqual(await cluster.work(8000), []);
  });

  test('one that stands still stays where nobody went on: commits that wait are better than commits on one server', async () => {
    const cluster = new SyncCluster().having('a:b', 'b').standby('b').standby('c');
    await cluster.work();
    cluster.wal += 100;
    assert.deepEqual(await cluster.work(20_000), []);
  });

  test('one that is slow but moves stays, and so do all in a quorum', async () => {
    const cluster = new SyncCluster().having('a:b', 'b').standby('b').standby('c');
    for (let round = 0; round < 10; round += 1) {
      cluster.wal += 100;
      cluster.standby('c', { flushed: cluster.wal }).standby('b', { flushed: cluster.wal - 90 });
      assert.deepEqual(await cluster.work(4000), []);
    }
    const quorum = new SyncCluster().having('a:b,c/1', 'ANY 1 (b,c)').standby('b').standby('c');
    quorum.config = QUORUM;
    await quorum.work();
    quorum.wal += 100;
    quorum.standby('c', { flushed: quorum.wal });
    assert.deepEqual(await quorum.work(20_000), []);
  });
});

describe('before a promotion', () => {
  /** `b` won the race by the key that it sees. */
  function winner(key: string, config: Readonly<Record<string, unknown>>): SyncCluster {
    const cluster = new SyncCluster().having(key, '');
    Object.assign(cluster, { primary: 'b', isInRecovery: true, config });
    cluster.keeper.runsFor(cluster.key.version);
    return cluster;
  }

  function promoted(cluster: SyncCluster): SyncCluster {
    cluster.isInRecovery = false;
    return cluster;
  }

  test('an agent that was restarted with the lock of another key gives it back: it may lack what that one promises', async () => {
    const cluster = winner('a:b,c/1', { synchronous_mode: 'quorum' });
    cluster.keeper = cluster.newKeeper();
    assert.equal(await cluster.prepare(), false);
    assert.deepEqual([cluster.effects, cluster.releases], [[], 1]);
  });

  test('T40: priority: a key that somebody else wrote meanwhile keeps the winner from promotion, which keeps the lock', async () => {
    const cluster = winner('a:b', { synchronous_mode: true });
    cluster.outcomes = ['changed-by-another'];
    assert.equal(await cluster.prepare(), false);
    assert.deepEqual([cluster.effects, cluster.names, cluster.releases], [[], '', 0]);
  });

  test('T40: ours: changed since the race, the lock is given back and the race is run again', async () => {
    const cluster = winner('a:b', { synchronous_mode: true });
    cluster.having('a:c', '');
    assert.equal(await cluster.prepare(), false);
    assert.deepEqual([cluster.effects, cluster.releases], [[], 1]);
  });

  test('priority: the key names the winner alone, then its commits wait for nobody', async () => {
    const cluster = winner('a:b', { synchronous_mode: true });
    assert.equal(await cluster.prepare(), true);
    assert.deepEqual(cluster.effects, ['key b:']);
    assert.deepEqual(await promoted(cluster).standby('c').work(), ['names c', 'key b:c']);
  });

  test('T140: quorum: before the promotion the key names the new leader, whom the former one has to ask, and the others are waited for', async () => {
    const cluster = winner('a:b,c/1', { synchronous_mode: 'quorum' });
    assert.equal(await cluster.prepare(), true);
    assert.deepEqual(cluster.effects.splice(0), ['key b:a,c/1', 'names ANY 1 (a,c)']);
    promoted(cluster).standby('a').standby('c');
    assert.deepEqual(await cluster.work(), []);
  });
});
