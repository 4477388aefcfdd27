import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALL, Opened, TIMINGS, until, watchTells } from '../../../test/contract/drills/harness.js';
import { startEtcd3WithUsers } from '../../../test/support/etcd-users.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import type { Dcs } from '../../ports/dcs.js';
import { createEtcd3 } from './etcd3-dcs.js';

const TOKEN_SECONDS = 2;

test('tokens expire, and are forgotten by a restart: the lock is kept, and a watch is opened anew', async (t) => {
  const opened = new Opened();
  t.after(() => opened.end());
  const { server, right } = await startEtcd3WithUsers(['--auth-token-ttl', String(TOKEN_SECONDS)]);
  opened.add(server);
  const section = { host: `127.0.0.1:${server.port}`, ...right };
  const options = { scope: 'demo', namespace: 'service', timings: TIMINGS, clock: nodeClock, random: nodeRandom, log: silentLog };
  const [a, b] = ['a', 'b'].map((name) => opened.add(createEtcd3({ ...options, name, section }))) as [Dcs, Dcs];
  await a.start();
  await b.start();
  assert.equal(await a.acquireLeaderLock(CALL), 'acquired');
  await watchTells(a, b);
  // Nobody uses a token for longer than it lives: the next call finds it expired.
  await nodeClock.sleep(2000 * TOKEN_SECONDS);
  assert.equal(await a.renewLeaderLock((await a.load(CALL)).leader, CALL), 'renewed');
  await watchTells(a, b);
  const events: string[] = [];
  b.subscribe((event) => events.push(event.kind));
  await server.kill();
  await server.restart();
  // Tokens are kept in memory only: the new server knows none of ours, and the watch is opened with an old one at first.
  await until('the watch is open again', () => events.includes('reconnected'));
  assert.equal(await a.renewLeaderLock((await a.load(CALL)).leader, CALL), 'renewed');
  await watchTells(a, b);
});
