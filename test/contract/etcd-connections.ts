import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { milliseconds } from '../../src/base/duration.js';
import type { ResolveService } from '../../src/dcs/shared/dns.js';
import { resolveService } from '../../src/dcs/shared/dns.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import { type Dcs, DcsUnavailable } from '../../src/ports/dcs.js';
import { Authority } from '../support/certificates.js';
import { type EtcdServer, type EtcdServerOptions, etcdPost, startEtcd, startEtcdCluster } from '../support/etcd-server.js';
import { type FakeDns, serviceRecord, startFakeDns } from '../support/fake-dns.js';
import { freePort } from '../support/free-port.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { CALL, keepsItsLock, Opened, until } from './drills/harness.js';

export interface EtcdConnectionsHarness {
  client(name: string, section: Readonly<Record<string, unknown>>, timings: typeof TIMINGS, resolveService?: ResolveService): Dcs;
  readonly extraArguments: readonly string[];
}

/** The list of members is refreshed after ten times the ttl. */
const TIMINGS = { ttlMs: milliseconds(300), loopWaitMs: milliseconds(100), retryTimeoutMs: milliseconds(3000) };
const LONG_TTL = { ...TIMINGS, ttlMs: milliseconds(10_000) };

/** How servers are found, reached and verified; the same settings for both versions of the API. */
export function etcdConnections(backEnd: string, harness: EtcdConnectionsHarness): void {
  const { extraArguments } = harness;
  const start = (options: EtcdServerOptions = {}): Promise<EtcdServer> =>
    startEtcd({ ...options, extraArguments: [...extraArguments, ...(options.extraArguments ?? [])] });
  const openFor = (t: TestContext): Opened => {
    const opened = new Opened();
    t.after(() => opened.end());
    return opened;
  };
  const works = async (dcs: Dcs): Promise<void> => {
    await dcs.start();
    assert.equal(await dcs.writeStatus('{"optime":7}', CALL), true);
    assert.equal((await dcs.load(CALL)).status.lastLsn, 7n);
  };

  describe(`Connections: ${backEnd}`, () => {
    test('a server by host, hosts as text and as list, url, with and without port and protocol', async (t) => {
      const opened = openFor(t);
      const { port } = opened.add(await start());
      const sections: readonly Readonly<Record<string, unknown>>[] = [
        { host: `127.0.0.1:${port}` },
        { host: 'localhost', port },
        { hosts: `127.0.0.1:${await freePort()}, 127.0.0.1:${port}` },
        { hosts: [`127.0.0.1:${port}`, `127.0.0.1:${await freePort()}`], protocol: 'http' },
        { hosts: ['127.0.0.1'], port },
        { url: `http://127.0.0.1:${port}` },
      ];
      for (const section of sections) await works(opened.add(harness.client('a', section, LONG_TTL)));
    });

    for (const [service, kind] of [
      ['_etcd-client', 'port'],
      ['_etcd', 'port'],
      ['_etcd-server', 'peerPort'],
    ] as const) {
      test(`SRV: records ${service} lead to the server`, async (t) => {
        const opened = openFor(t);
        const server = opened.add(await start());
        const dns = opened.add(await fakeDns());
        dns.records.set(`SRV ${service}-main._tcp.example.org`, [serviceRecord(1, 1, server[kind], 'localhost')]);
        await works(opened.add(harness.client('a', { srv: 'example.org', srv_suffix: 'main' }, LONG_TTL, askingAt(dns))));
      });
    }

    test('SRV: what changes there is found once no known server answers', async (t) => {
      const opened = openFor(t);
      const [first, second] = [opened.add(await start()), opened.add(await start())];
      const dns = opened.add(await fakeDns());
      const name = 'SRV _etcd-client._tcp.example.org';
      dns.records.set(name, [serviceRecord(1, 1, first.port, 'localhost')]);
      const dcs = opened.add(harness.client('a', { discovery_srv: 'example.org' }, LONG_TTL, askingAt(dns)));
      await works(dcs);
      await first.kill();
      dns.records.set(name, [serviceRecord(1, 1, second.port, 'localhost')]);
      await until('the second server is used', async () => {
        await dcs.writeStatus('{"optime":8}', CALL).catch((error: unknown) => assert.ok(error instanceof DcsUnavailable));
        const view = await dcs.load(CALL).catch(() => undefined);
        return view?.status.lastLsn === 8n;
      });
    });

    test('a proxy is used alone: what members advertise is never asked', async (t) => {
      const opened = openFor(t);
      const nobody = `http://127.0.0.1:${await freePort()}`;
      const server = opened.add(await start({ advertise: nobody }));
      const proxy = opened.add(await startTcpProxy(server.port));
      for (const section of [{ proxy: `http://127.0.0.1:${proxy.port}` }, { host: `127.0.0.1:${proxy.port}`, use_proxies: true }]) {
        const dcs = opened.add(harness.client('a', section, TIMINGS));
        await works(dcs);
        // Long enough for a refresh of the list, if there were one.
        for (const end = performance.now() + 12 * TIMINGS.ttlMs; performance.now() < end; await nodeClock.sleep(200))
          assert.equal((await dcs.load(CALL)).status.lastLsn, 7n);
      }
    });

    test('one server is named, the others are found: it may die', async (t) => {
      const opened = openFor(t);
      const servers = (await startEtcdCluster(extraArguments)).map((server) => opened.add(server));
      const [named] = servers as [EtcdServer];
      const dcs = opened.add(harness.client('a', { host: `127.0.0.1:${named.port}` }, LONG_TTL));
      await dcs.start();
      assert.equal(await dcs.acquireLeaderLock(CALL), 'acquired');
      await named.kill();
      await keepsItsLock(dcs);
    });

    test('servers join and leave: the list follows, and the last server that was named may go', async (t) => {
      const opened = openFor(t);
      const first = opened.add(await start());
      const dcs = opened.add(harness.client('a', { host: `127.0.0.1:${first.port}` }, TIMINGS));
      await dcs.start();
      const ports = { client: await freePort(), peer: await freePort() };
      const peerURLs = [`http://127.0.0.1:${ports.peer}`];
      const added = JSON.parse(await etcdPost(first.url, '/cluster/member/add', { peerURLs })) as { header: { member_id: string } };
      const cluster = `e1=http://127.0.0.1:${first.peerPort},e2=${peerURLs[0]}`;
      const second = opened.add(await start({ name: 'e2', ports, cluster, extraArguments: ['--initial-cluster-state', 'existing'] }));
      await until('the second server serves', async () => (await etcdPost(second.url, '/maintenance/status', {})).includes('"leader"'));
      // Reads go on until the list has been refreshed; then the first server leaves for good.
      for (const end = performance.now() + 15 * TIMINGS.ttlMs; performance.now() < end; await nodeClock.sleep(100)) await dcs.load(CALL);
      const removal = { ID: added.header.member_id };
      await until('the first server is removed', async () => {
        // Refused until the servers have known each other for some seconds.
        const answer = await etcdPost(second.url, '/cluster/member/remove', removal);
        return !answer.includes('"error"') || answer.includes('not found');
      });
      await first.kill();
      await until('the second server is used', () =>
        dcs.writeStatus('{"optime":9}', CALL).catch((error: unknown) => {
          assert.ok(error instanceof DcsUnavailable);
          return false;
        }),
      );
      assert.equal((await dcs.load(CALL)).status.lastLsn, 9n);
    });

    test('TLS: the right authority and client certificate work, also by SRV; a wrong authority or no certificate is unknown', async (t) => {
      const opened = openFor(t);
      const [authority, stranger] = [new Authority(), new Authority()];
      t.after(() => {
        for (const each of [authority, stranger]) each.remove();
      });
      const [own, member] = [authority.issue('server'), authority.issue('member')];
      const server = opened.add(
        await start({
          protocol: 'https',
          extraArguments: [
            ...['--cert-file', own.certFile, '--key-file', own.keyFile],
            ...['--client-cert-auth', '--trusted-ca-file', authority.caFile],
          ],
        }),
      );
      const client = (section: Readonly<Record<string, unknown>>, resolve?: ResolveService): Dcs =>
        opened.add(harness.client('a', section, LONG_TTL, resolve));
      const where = { host: `127.0.0.1:${server.port}`, protocol: 'https' };
      const certificate = { cert: member.certFile, key: member.keyFile };
      await works(client({ ...where, cacert: authority.caFile, ...certificate }));
      await works(client({ url: `https://127.0.0.1:${server.port}`, ca_cert: authority.caFile, ...certificate }));
      const dns = opened.add(await fakeDns());
      dns.records.set('SRV _etcd-client-ssl._tcp.example.org', [serviceRecord(1, 1, server.port, 'localhost')]);
      await works(client({ srv: 'example.org', cacert: authority.caFile, ...certificate }, askingAt(dns)));
      for (const section of [
        { ...where, cacert: stranger.caFile, ...certificate },
        { ...where, cacert: authority.caFile },
        { ...where, ...certificate },
        { host: where.host },
      ])
        await assert.rejects(client(section).acquireLeaderLock({ timeoutMs: milliseconds(1500) }), DcsUnavailable);
    });
  });
}

/** A name server that the client of a test asks. */
async function fakeDns(): Promise<FakeDns & { stop(): Promise<void> }> {
  const dns = await startFakeDns();
  return Object.assign(dns, { stop: async () => dns.close() });
}

function askingAt(dns: FakeDns): ResolveService {
  return (name, options) => resolveService(name, { ...options, servers: [dns.server] });
}
