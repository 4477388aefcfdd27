import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type FakeEtcd, type Fault, startFakeEtcd } from '../../../test/support/fake-etcd.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createEtcd3 } from './etcd3-dcs.js';

/**
 * Claimed here: whatever happens to the requests of a lock operation, it never says "yes" or "no" unless the store is so,
 * and it says something in time. Each fault meets one request, or all of them.
 */
const LIMIT = milliseconds(1500);
/** Store, client and three other cases share one process and its event loop here; alone a call is within 50 ms of its limit. */
const SLACK_MS = 1000;
const KEY = '/service/demo/leader';

const error = (status: number, code: number, text: string): Fault => ({
  kind: 'answer',
  status,
  body: JSON.stringify({ error: text, code, message: text }),
});

const FAULTS: Readonly<Record<string, Fault>> = {
  'reset before it was applied': { kind: 'reset', isApplied: false },
  'reset after it was applied': { kind: 'reset', isApplied: true },
  'no answer, not applied': { kind: 'silence', isApplied: false },
  'no answer, applied': { kind: 'silence', isApplied: true },
  'half a body and then silence': { kind: 'half' },
  'answer of a lower raft term': { kind: 'header', header: { cluster_id: '77', revision: '9', raft_term: '4' } },
  'no leader (patroni-3572)': error(503, 14, 'etcdserver: no leader'),
  'leader changed': error(503, 14, 'etcdserver: leader changed'),
  'request timed out': error(503, 14, 'etcdserver: request timed out'),
  'too many requests': error(429, 8, 'etcdserver: too many requests'),
  'deadline exceeded': error(504, 4, 'context deadline exceeded'),
  'failed precondition': error(400, 9, 'etcdserver: something'),
  'not a primary lessor': error(500, 2, 'not a primary lessor'),
  'unknown error': error(500, 2, 'something else'),
  'no space': error(500, 8, 'etcdserver: mvcc: database space exceeded'),
  'lease not found': error(404, 5, 'etcdserver: requested lease not found'),
  'not found': error(404, 5, 'not found'),
  'invalid token': error(401, 16, 'etcdserver: invalid auth token'),
  'old auth revision': error(400, 3, 'etcdserver: revision of auth store is old'),
  'user name is empty': error(400, 3, 'etcdserver: user name is empty'),
  'permission denied': error(403, 7, 'etcdserver: permission denied'),
  'authentication failed': error(400, 3, 'etcdserver: authentication failed, invalid user ID or password'),
  'authentication is off': error(400, 9, 'etcdserver: authentication is not enabled'),
  'invalid argument': error(400, 3, 'etcdserver: key is not provided'),
  'html of a proxy': { kind: 'answer', status: 502, body: '<html>Bad Gateway</html>' },
  redirect: { kind: 'answer', status: 307, body: '{}' },
  'empty answer': { kind: 'answer', status: 200, body: '' },
  'json of somebody else': { kind: 'answer', status: 200, body: '{}' },
  'ok of somebody else': { kind: 'answer', status: 200, body: '{"status":"ok","header":{}}' },
  'numbers that are none': { kind: 'answer', status: 200, body: '{"header":{"cluster_id":"77","raft_term":"x","revision":"?"},"kvs":7}' },
  'an answer over the limit': { kind: 'answer', status: 200, body: `{"header":{"cluster_id":"77"},"x":"${'x'.repeat(17 * 1024 * 1024)}"}` },
};

async function withStore(run: (store: FakeEtcd, dcs: Dcs) => Promise<void>): Promise<void> {
  const store = await startFakeEtcd();
  const dcs = createEtcd3({
    section: { host: `127.0.0.1:${store.port}`, username: 'u', password: 'p' },
    scope: 'demo',
    name: 'a',
    namespace: 'service',
    timings: { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: LIMIT },
    clock: nodeClock,
    random: nodeRandom,
    log: silentLog,
  });
  store.model.password = 'p';
  try {
    await dcs.start();
    await run(store, dcs);
  } finally {
    await dcs.close();
    await store.close();
  }
}

/** Runs it in time. Anything thrown but `DcsUnavailable` fails the test. */
async function outcome<T>(operation: Promise<T>): Promise<T | 'unknown'> {
  const started = performance.now();
  try {
    return await operation.catch((failure: unknown) => {
      assert.ok(failure instanceof DcsUnavailable, String(failure));
      return 'unknown' as const;
    });
  } finally {
    const took = performance.now() - started;
    assert.ok(took <= LIMIT + SLACK_MS, `took ${Math.round(took)} ms`);
  }
}

const isOurs = (store: FakeEtcd): boolean => {
  const key = store.model.get(KEY);
  return key?.value === 'a' && key.lease !== undefined && store.model.leases.has(key.lease);
};

interface Scenario {
  readonly name: string;
  readonly run: (store: FakeEtcd, dcs: Dcs) => Promise<void>;
}

function scenarios(break_: (store: FakeEtcd, path: string) => void): readonly Scenario[] {
  const call = { timeoutMs: LIMIT };
  const acquire = async (store: FakeEtcd, dcs: Dcs): Promise<void> => {
    const said = await outcome(dcs.acquireLeaderLock(call));
    if (said === 'acquired') assert.ok(isOurs(store), 'acquired, but not ours');
    if (said === 'held-by-other') assert.ok(!isOurs(store), 'held by another, but ours');
  };
  const renew = async (store: FakeEtcd, dcs: Dcs): Promise<void> => {
    const { leader } = await dcs.load({ timeoutMs: milliseconds(3000) }).catch(() => ({ leader: undefined }));
    const said = await outcome(dcs.renewLeaderLock(leader, call));
    if (said === 'renewed') assert.ok(isOurs(store), 'renewed, but not ours');
    if (said === 'lost') assert.ok(!isOurs(store), 'lost, but ours');
  };
  const release = async (store: FakeEtcd, dcs: Dcs): Promise<void> => {
    const wasOurs = isOurs(store);
    const said = await outcome(dcs.releaseLeaderLock(undefined, call));
    if (said === true) assert.ok(!isOurs(store), 'released, but ours');
    if (said === false) assert.equal(isOurs(store), wasOurs, 'not released, but it was');
  };
  const list: Scenario[] = [];
  for (const path of ['/kv/txn', '/kv/range', '/lease/keepalive']) {
    for (const holder of ['nobody', 'a', 'other'] as const) {
      for (const [what, operation] of Object.entries({ acquire, renew, release })) {
        const run = async (store: FakeEtcd, dcs: Dcs): Promise<void> => {
          if (holder === 'a') assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
          if (holder === 'other') store.model.put(KEY, 'other');
          break_(store, path);
          await operation(store, dcs);
        };
        list.push({ name: `${what}, held by ${holder}, ${path}`, run });
      }
    }
  }
  return list;
}

/** A store that says this of a lease has none such. */
function makeTrue(store: FakeEtcd, fault: Fault): void {
  if (fault === FAULTS['lease not found']) for (const lease of [...store.model.leases]) store.model.expire(lease);
}

void suite('lock operations', { concurrency: 4 }, () => {
  for (const [name, fault] of Object.entries(FAULTS)) {
    for (const kind of ['next', 'always'] as const) {
      void test(`${name}, ${kind === 'next' ? 'once' : 'each time'}`, async () => {
        const all = scenarios((store, path) => {
          makeTrue(store, fault);
          store[kind](path, fault);
        });
        const go = ({ name: what, run }: Scenario): Promise<void> =>
          withStore(run).catch((failure: unknown) => {
            throw new Error(`${what}: ${failure instanceof Error ? failure.message : failure}`, { cause: failure });
          });
        // All of the large answers at once would keep this process too busy for anybody's budget.
        if (fault !== FAULTS['an answer over the limit']) await Promise.all(all.map(go));
        else for (const scenario of all) await go(scenario);
      });
    }
  }
});
