import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authority } from '../../../test/support/certificates.js';
import { startConsul } from '../../../test/support/consul-server.js';
import { freePort } from '../../../test/support/free-port.js';

import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createConsul } from './consul-dcs.js';

test('TLS: the server is verified, and asks for a certificate', async (t) => {
  const [authority, stranger] = [new Authority(), new Authority()];
  const [own, member] = [authority.issue('server'), authority.issue('member')];
  const port = await freePort();
  const files = { ca_file: authority.caFile, cert_file: own.certFile, key_file: own.keyFile };
  const server = await startConsul({ httpsPort: port, settings: { ...files, verify_incoming_https: true } });
  const timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
  const opened: Dcs[] = [];
  const client = (section: Record<string, unknown>): Dcs => {
    const options = { scope: 'demo', name: 'a', namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog };
    const dcs = createConsul({ ...options, section: { url: `https://127.0.0.1:${port}`, ...section } });
    opened.push(dcs);
    return dcs;
  };
  t.after(async () => {
    for (const dcs of opened) await dcs.close();
    await server.stop();
    for (const each of [authority, stranger]) each.remove();
  });
  const certificate = { cert: member.certFile, key: member.keyFile };
  const call = { timeoutMs: milliseconds(2000) };
  const good = client({ cacert: authority.caFile, ...certificate });
  await good.start();
  assert.equal(await good.acquireLeaderLock({ timeoutMs: milliseconds(5000) }), 'acquired');
  assert.equal((await client({ verify: false, ...certificate }).load(call)).leader?.name, 'a');
  await assert.rejects(client({ cacert: stranger.caFile, verify: false, ...certificate }).load(call), DcsUnavailable);
  await assert.rejects(client({ cacert: authority.caFile }).load(call), DcsUnavailable);
  await assert.rejects(client(certificate).load(call), DcsUnavailable);
});
