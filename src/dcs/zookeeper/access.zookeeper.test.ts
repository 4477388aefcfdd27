import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Authority } from '../../../test/support/certificates.js';
import { freePort } from '../../../test/support/free-port.js';

import { RawZooKeeper } from '../../../test/support/raw-zookeeper.js';
import { type LogLine, recordingLog } from '../../../test/support/recording-log.js';
import { startZooKeeper } from '../../../test/support/zookeeper-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createZooKeeper } from './zookeeper-dcs.js';

const timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
const call = { timeoutMs: milliseconds(3000) };

function clientsOf(t: TestContext, port: number): (name: string, section: Record<string, unknown>, lines?: LogLine[]) => Dcs {
  const opened: Dcs[] = [];
  t.after(async () => {
    for (const dcs of opened) await dcs.close();
  });
  return (name, section, lines = []) => {
    const options = { scope: 'demo', name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: recordingLog(lines) };
    const dcs = createZooKeeper({ ...options, section: { hosts: [`127.0.0.1:${port}`], ...section } });
    opened.push(dcs);
    return dcs;
  };
}

/** A user of the digest scheme, as nodes name it. */
function digest(user: string, password: string): string {
  return `digest:${user}:${createHash('sha1').update(`${user}:${password}`).digest('base64')}`;
}

test('digest: nodes get the rights of set_acls; wrong credentials and those that may only read change nothing and say so', async (t) => {
  const server = await startZooKeeper();
  t.after(() => server.stop());
  const client = clientsOf(t, server.port);
  const set_acls = { [digest('patroni', 'hush')]: ['all'], [digest('reader', 'mum')]: ['READ'] };
  const good = client('a', { set_acls, auth_data: { digest: 'patroni:hush' } });
  const lines: LogLine[] = [];
  const reader = client('b', { set_acls, auth_data: { digest: 'reader:mum' } }, lines);
  const wrong = client('c', { set_acls, auth_data: { digest: 'patroni:wr0ng' } }, lines);
  await good.start();
  assert.equal(await good.acquireLeaderLock(call), 'acquired');
  assert.equal(await good.writeConfig('{"ttl":30}', undefined, call), true);
  await reader.start();
  assert.equal((await reader.load(call)).leader?.name, 'a');
  assert.equal(await reader.writeConfig('{}', undefined, call), false);
  assert.equal(await reader.touchMember('{}', undefined, call), false);
  assert.equal(await reader.writeSync('{}', undefined, call), undefined);
  await assert.rejects(reader.acquireLeaderLock(call), DcsUnavailable);
  await wrong.start();
  await assert.rejects(wrong.load(call), (error) => error instanceof DcsUnavailable && /noAuth/.test(error.message));
  await assert.rejects(wrong.renewLeaderLock(undefined, call), DcsUnavailable);
  assert.ok(lines.some(({ text }) => /refused to write \/config: .*noAuth/.test(text)));
  assert.ok(!lines.some(({ text }) => /hush|mum|wr0ng/.test(text)));
  assert.equal(await good.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'renewed');
  await reader.configure(timings, { set_acls, auth_data: { digest: 'patroni:hush' } });
  assert.equal(await reader.touchMember('{}', undefined, call), true);
  const stranger = await RawZooKeeper.connect(server.port);
  for (const path of ['/service', '/service/demo', '/service/demo/leader']) await assert.rejects(stranger.get(path), /noAuth/);
  await stranger.close();
});

test('a scheme that the server does not know ends every connection; the reason is told', async (t) => {
  const server = await startZooKeeper();
  t.after(() => server.stop());
  const dcs = clientsOf(t, server.port)('a', { auth_data: { nonsense: 'secret' } });
  await assert.rejects(
    dcs.load({ timeoutMs: milliseconds(1500) }),
    (error) => error instanceof DcsUnavailable && /auth_data/.test(error.message) && !/secret/.test(error.message),
  );
});

test('TLS: the server is verified, and asks for a certificate, which is who we are', async (t) => {
  const [authority, stranger] = [new Authority(), new Authority()];
  const [own, member] = [authority.issue('server'), authority.issue('member', 'hush')];
  const store = `${own.certFile}.pem`;
  writeFileSync(store, readFileSync(own.keyFile, 'utf8') + readFileSync(own.certFile, 'utf8'));
  const trust = `${authority.caFile}.pem`;
  writeFileSync(trust, readFileSync(authority.caFile));
  const server = await startZooKeeper({
    securePort: await freePort(),
    properties: {
      'zookeeper.serverCnxnFactory': 'org.apache.zookeeper.server.NettyServerCnxnFactory',
      'zookeeper.ssl.keyStore.location': store,
      'zookeeper.ssl.trustStore.location': trust,
    },
  });
  t.after(async () => {
    await server.stop();
    for (const each of [authority, stranger]) each.remove();
  });
  const client = clientsOf(t, server.port);
  const certificate = { use_ssl: true, cert: member.certFile, key: member.keyFile, key_password: 'hush' };
  const set_acls = { 'CN=member': ['ALL'] };
  const good = client('a', { ...certificate, cacert: authority.caFile, set_acls });
  await good.start();
  assert.equal(await good.acquireLeaderLock({ timeoutMs: milliseconds(10_000) }), 'acquired');
  assert.equal((await client('b', { ...certificate, verify: false }).load(call)).leader?.name, 'a');
  const brief = { timeoutMs: milliseconds(1500) };
  await assert.rejects(client('b', { ...certificate, cacert: stranger.caFile }).load(brief), /certificate/);
  await assert.rejects(client('b', certificate).load(brief), DcsUnavailable);
  await assert.rejects(client('b', { use_ssl: true, cacert: authority.caFile }).load(brief), DcsUnavailable);
});
