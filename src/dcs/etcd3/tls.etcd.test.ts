import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startEtcd } from '../../../test/support/etcd-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createEtcd3 } from './etcd3-dcs.js';

const call = { timeoutMs: milliseconds(2500) };

/** A folder with an authority, another one that nobody trusts, and certificates of the first for server and client. */
function makeCertificates(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tls-test-'));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  for (const ca of ['ca', 'wrong']) {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${ca}.key`,
      '-out',
      `${ca}.crt`,
      '-subj',
      `/O=${ca}`,
      '-days',
      '2',
    );
  }
  writeFileSync(join(folder, 'san'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
  for (const name of ['server', 'client']) {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/O=${name}`);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.crt`, '-days', '2', '-extfile', 'san'],
    );
  }
  return folder;
}

test('TLS: the right authority and client certificate work, a wrong authority or no certificate is unknown', async (t) => {
  const folder = makeCertificates();
  const file = (name: string): string => join(folder, name);
  const server = await startEtcd({
    protocol: 'https',
    extraArguments: [
      ...['--cert-file', file('server.crt'), '--key-file', file('server.key')],
      ...['--client-cert-auth', '--trusted-ca-file', file('ca.crt')],
    ],
  });
  const opened: Dcs[] = [];
  const member = (tls: Record<string, string>): Dcs => {
    const dcs = createEtcd3({
      section: { host: `127.0.0.1:${server.port}`, protocol: 'https', ...tls },
      scope: 'demo',
      name: 'a',
      namespace: 'service',
      timings: { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(2500) },
      clock: nodeClock,
      random: nodeRandom,
      log: silentLog,
    });
    opened.push(dcs);
    return dcs;
  };
  t.after(async () => {
    for (const dcs of opened) await dcs.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const certificate = { cert: file('client.crt'), key: file('client.key') };
  const good = member({ cacert: file('ca.crt'), ...certificate });
  await good.start();
  assert.equal(await good.acquireLeaderLock(call), 'acquired');
  assert.equal((await good.load(call)).leader?.name, 'a');
  await assert.rejects(member({ cacert: file('wrong.crt'), ...certificate }).acquireLeaderLock(call), DcsUnavailable);
  await assert.rejects(member({ cacert: file('ca.crt') }).acquireLeaderLock(call), DcsUnavailable);
  await assert.rejects(member(certificate).acquireLeaderLock(call), DcsUnavailable);
});
