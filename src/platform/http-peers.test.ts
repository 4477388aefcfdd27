import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { CtlSettings } from '../ports/settings.js';
import { httpPeers, parsePeerStatus } from './http-peers.js';
import { nodeClock } from './node-clock.js';

const CTL: CtlSettings = {
  insecure: false,
  cacert: undefined,
  certfile: undefined,
  keyfile: undefined,
  keyfilePassword: undefined,
  authentication: undefined,
};
const peers = httpPeers(() => CTL, nodeClock);
const PING = { name: 'pg-1', conn_url: 'postgres://h/p', api_url: 'http://h/patroni' };

describe('parsePeerStatus', () => {
  const replica = { role: 'replica', xlog: { received_location: 10, replayed_location: 20 } };
  const cases: readonly [string, unknown, object][] = [
    ['a replica: the larger position', replica, { kind: 'answered', isInRecovery: true, lsn: 20n }],
    ['`wal` of old members', { role: 'replica', wal: replica.xlog }, { kind: 'answered', lsn: 20n }],
    ['a primary by its location', { role: 'replica', xlog: { location: 5 } }, { kind: 'answered', isInRecovery: false, lsn: 0n }],
    ['a primary by its role', { role: 'primary', xlog: {} }, { kind: 'answered', isInRecovery: false }],
    ['a primary by its old role', { role: 'master', xlog: {} }, { kind: 'answered', isInRecovery: false }],
    ['null is no position', { role: 'replica', xlog: { received_location: null, replayed_location: 1 } }, { kind: 'unreachable' }],
    ['text is no position', { role: 'replica', xlog: { received_location: '1', replayed_location: 1 } }, { kind: 'unreachable' }],
    ['T7: PostgreSQL down', { state: 'stopped', role: 'replica' }, { kind: 'unreachable' }],
    ['not an object', [replica], { kind: 'unreachable' }],
    ['still receiving', { ...replica, receives_wal: true }, { isReceiving: true, timeline: 0 }],
    ['watchdog', { ...replica, watchdog_failed: true }, { isWatchdogFailed: true, timeline: 0 }],
    ['timeline and tags', { ...replica, timeline: 4, tags: { nofailover: true } }, { timeline: 4, tags: { nofailover: true } }],
  ];
  for (const [name, document, expected] of cases) {
    it(name, () => {
      const status = parsePeerStatus(JSON.stringify(document)) as unknown as Record<string, unknown>;
      for (const [field, value] of Object.entries(expected)) assert.deepEqual(status[field], value, field);
    });
  }
  it('no JSON', () => assert.equal(parsePeerStatus('<html>').kind, 'unreachable'));
});

async function withServer(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/patroni`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('requests to peers', () => {
  for (const [code, body, accepted] of [
    [200, 'Accepted', true],
    [200, 'Accepted\n', false],
    [500, 'Running as a leader', false],
    [202, 'Accepted', false],
  ] as const) {
    it(`a failsafe answer ${code} ${JSON.stringify(body)} is ${accepted ? '' : 'not '}accepted`, () =>
      withServer(
        (request, response) => {
          assert.equal(`${request.method} ${request.url}`, 'POST /failsafe');
          response.writeHead(code, { lsn: '42' }).end(body);
        },
        async (url) => {
          const { detail, ...reply } = await peers.failsafe('p', url, PING, 1000);
          assert.deepEqual(reply, { accepted, lsn: 42n, isLeading: code === 500 });
          assert.ok(detail?.includes(body));
        },
      ));
  }

  it('repeats a failsafe request once, each attempt with the whole time', async () => {
    let asked = 0;
    await withServer(
      (_, response) => {
        asked += 1;
        if (asked === 2) setTimeout(() => response.end('Accepted'), 250);
      },
      async (url) => {
        assert.equal((await peers.failsafe('p', url, PING, 400)).accepted, true);
        assert.equal(asked, 2);
      },
    );
  });

  it('a silent peer is unreachable after the time-out', () =>
    withServer(
      () => undefined,
      async (url) => assert.equal((await peers.status('p', url, 50)).kind, 'unreachable'),
    ));

  for (const url of ['', 'no url', 'ftp://h/', 'http://127.0.0.1:1/patroni']) {
    it(`no answer from ${JSON.stringify(url)}, and nothing is thrown`, async () => {
      assert.equal(await peers.isAlive(url, 500), false);
      assert.equal((await peers.status('p', url, 500)).kind, 'unreachable');
      assert.equal((await peers.failsafe('p', url, PING, 500)).accepted, false);
    });
  }

  it('any answer means alive', () =>
    withServer(
      (_, response) => response.writeHead(503).end(),
      async (url) => assert.equal(await peers.isAlive(url, 500), true),
    ));
});
