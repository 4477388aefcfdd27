import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serving } from '../../test/support/api-client.js';
import { lsn, type Scene } from '../../test/support/builders.js';
import { FakeAgentControl, primary, snapshotOf, standby } from '../../test/support/fake-agent-control.js';
import type { AgentSnapshot } from '../ports/agent-control.js';
import { isHealthy } from './health.js';

const PATHS = [
  '/',
  '/leader',
  '/standby-leader',
  '/replica',
  '/read-only',
  '/health',
  '/sync',
  '/async',
  '/quorum',
  '/read-only-sync',
  '/read-only-quorum',
];

function healthy(s: AgentSnapshot): string {
  return PATHS.filter((path) => isHealthy('a', s, path, new URLSearchParams())).join(' ');
}

const quorum = { synchronous_mode: 'quorum' };
const sync = { synchronous_mode: true };
const far = { standby_cluster: { host: 'far' } };

/** rest-api.md §13: which checks are 200. */
const STATES: readonly (readonly [name: string, given: Scene, expect: string])[] = [
  ['primary with lock', primary, '/ /leader /read-only /health /read-only-sync /read-only-quorum'],
  ['asynchronous replica', standby, '/replica /read-only /health /async'],
  ['replica in sync_standby', standby.config(sync).sync('b:a/1'), '/replica /read-only /health /sync /read-only-sync'],
  ['replica of quorum', standby.config(quorum).sync('b:a/1'), '/replica /read-only /health /quorum /read-only-quorum'],
  ['replica beside the sync_standby', standby.config(sync).sync('b:c/1'), '/replica /read-only /health /async'],
  [
    'standby leader',
    primary.asStandby().config(far).server({ role: 'standby_leader' }),
    '/leader /standby-leader /read-only /health /read-only-sync /read-only-quorum',
  ],
  ['replica of a standby cluster', standby.config(far), '/replica /read-only /health /async'],
  ['promoting', primary.asStandby(), '/ /leader /replica /read-only /health /async /read-only-sync /read-only-quorum'],
  ['patroni-3194: primary with an expired lease, whatever the store says', primary.leaseLeft(0), '/health'],
  ['primary that lost the lock while paused', primary.paused().ledBy('b').leaseLeft(0), '/health'],
  ['starting', standby.starting(), ''],
  ['stopped', standby.stopped(), ''],
  ['server down, lease left', primary.stopped('stopped', 'primary'), '/ /leader /read-only /read-only-sync /read-only-quorum'],
  ['primary without store, lease left', primary.dcsUnavailable(), '/ /leader /read-only /health'],
  ['primary without store, demoting', primary.dcsUnavailable().leaseLeft(0), '/health'],
  ['replica without store', standby.dcsUnavailable(), '/replica /read-only /health'],
  ['primary without store, paused', primary.paused().dcsUnavailable().leaseLeft(0), '/ /leader /read-only /health'],
  ['replica without store, paused', standby.paused().dcsUnavailable(), '/replica /read-only /health'],
  ['mute replica', standby.mute(), ''],
];

for (const [name, given, expect] of STATES) {
  test(`health: ${name}`, () => assert.equal(healthy(snapshotOf(given)), expect));
}

test('health: parameters and paths', async () => {
  const behind = standby.lastLsn(100_000_000).telling({ replayLsn: lsn(90_000_000) });
  const tags = { zone: 'b', gold: true, weight: 1.4 };
  const cases: readonly (readonly [Scene, string, boolean])[] = [
    [behind, '/replica?lag=16MB', true],
    [behind, '/replica?lag=9MB', false],
    [behind, '/replica?lag=1M', true],
    [behind, '/async?lag=9MB', false],
    [standby, '/replica?tag_zone=b&tag_gold=true&tag_weight=1.4', true],
    [standby, '/replica?tag_nosync=false', false],
    [standby, '/replica?tag_zone=&tag_gold=', true],
    [standby, '/replica?replication_state=streaming', true],
    [standby.telling({ replicationState: 'in archive recovery' }), '/replica?replication_state=streaming', false],
    [primary, '/primary?tag_zone=x', true],
    [primary, '/read-only?tag_zone=x', false],
    [primary, '/foo-leader-bar', true],
    [primary, '/master', true],
    [primary, '//read-write', true],
    [primary, '/unknown', false],
    [primary, '/Primary', false],
    [standby.config(sync).sync('b:a/1'), '/sync/', false],
    [standby.config(sync).sync('b:A/1'), '/synchronous', true],
  ];
  for (const [scene, url, expected] of cases) {
    await serving(new FakeAgentControl(scene, { tags }), async (ask) => {
      assert.equal((await ask('GET', url)).code, expected ? 200 : 503, url);
      assert.deepEqual([(await ask('HEAD', url)).code, (await ask('OPTIONS', url)).code], Array(2).fill(expected ? 200 : 503), url);
    });
  }
  assert.equal(healthy(snapshotOf(standby, { tags: { noloadbalance: true } })), '/health');
});
