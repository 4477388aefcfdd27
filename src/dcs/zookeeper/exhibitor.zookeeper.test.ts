import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type TestContext, test } from 'node:test';
import { freePort } from '../../../test/support/free-port.js';

import { type LogLine, recordingLog } from '../../../test/support/recording-log.js';
import { startEnsemble } from '../../../test/support/zookeeper-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createExhibitor } from './zookeeper-dcs.js';

const timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
const call = { timeoutMs: milliseconds(3000) };

/** What answers in Exhibitor's place. */
class Double {
  answer = { status: 200, body: '' };
  readonly paths = new Set<string>();
  #server: Server | undefined;

  async listen(port: number): Promise<void> {
    const server = createServer((request, response) => {
      this.paths.add(request.url ?? '');
      response.writeHead(this.answer.status, { 'content-type': 'application/json' }).end(this.answer.body);
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  }

  list(servers: readonly string[], port: number): void {
    this.answer = { status: 200, body: JSON.stringify({ servers, port }) };
  }

  close(): Promise<void> {
    return new Promise((resolve) => (this.#server === undefined ? resolve() : this.#server.close(() => resolve())));
  }
}

function client(t: TestContext, section: Record<string, unknown>, lines: LogLine[]): Dcs {
  const options = { scope: 'demo', name: 'a', namespace: 'service', timings, clock: nodeClock, random: nodeRandom };
  const dcs = createExhibitor({ ...options, log: recordingLog(lines), section });
  t.after(() => dcs.close());
  return dcs;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !condition(); await nodeClock.sleep(50)) assert.ok(Date.now() < end, what);
}

test('the servers are those that Exhibitor tells; they change, and it goes away, under a held lock', async (t) => {
  const port = await freePort();
  const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  const servers = await startEnsemble(
    {},
    hosts.map((host) => ({ host, port })),
  );
  const [double, webPort, lines] = [new Double(), await freePort(), [] as LogLine[]];
  t.after(async () => {
    await double.close();
    for (const server of servers) await server.stop();
  });
  double.list(['127.0.0.1'], port);
  await double.listen(webPort);
  // Nobody answers at the first of the hosts.
  const dcs = client(t, { hosts: ['127.0.0.9', '127.0.0.1'], port: webPort, poll_interval: 1 }, lines);
  const hasLine = (pattern: RegExp) => (): boolean => lines.some(({ text }) => pattern.test(text));
  await dcs.start();
  assert.deepEqual([...double.paths], ['/exhibitor/v1/cluster/list']);
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  double.list(['127.0.0.3', '127.0.0.2'], port);
  await until('the change is seen', hasLine(new RegExp(`has changed: 127.0.0.1:${port} => 127.0.0.2:${port},127.0.0.3:${port}`)));
  await servers[0]?.kill();
  let outcome: string | undefined;
  for (let tries = 0; tries < 5 && outcome !== 'renewed'; tries += 1) {
    outcome = await dcs.renewLeaderLock(undefined, { ...call, mayCreate: false }).catch(() => undefined);
    assert.notEqual(outcome, 'lost');
  }
  assert.equal(outcome, 'renewed');
  for (const answer of [
    { status: 500, body: '{}' },
    { status: 200, body: '{"servers":[],"port":2181}' },
    { status: 200, body: 'hello' },
  ]) {
    lines.length = 0;
    double.answer = answer;
    await until('no list is no answer', hasLine(/the known servers stay/));
  }
  await double.close();
  lines.length = 0;
  await until('it is gone', hasLine(/the known servers stay/));
  await dcs.load(call);
  assert.equal(await dcs.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'renewed');
});

test('without Exhibitor at the start calls end as unknown in time, and it is waited for', async (t) => {
  const port = await freePort();
  const servers = await startEnsemble({}, [
    { host: '127.0.0.1', port },
    { host: '127.0.0.2', port },
    { host: '127.0.0.3', port },
  ]);
  const [double, webPort, lines] = [new Double(), await freePort(), [] as LogLine[]];
  t.after(async () => {
    await double.close();
    for (const server of servers) await server.stop();
  });
  const dcs = client(t, { hosts: ['127.0.0.1'], port: webPort }, lines);
  const started = performance.now();
  await assert.rejects(dcs.load({ timeoutMs: milliseconds(1000) }), DcsUnavailable);
  assert.ok(performance.now() - started < 1500);
  assert.ok(lines.some(({ text }) => text === 'waiting on exhibitor'));
  double.list(['127.0.0.1', '127.0.0.2', '127.0.0.3'], port);
  await double.listen(webPort);
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
});

test('a section without hosts or port is refused with its path', (t) => {
  for (const [section, path] of [
    [{ port: 8181 }, /exhibitor\.hosts/],
    [{ hosts: ['a'] }, /exhibitor\.port/],
    [{ hosts: ['a'], port: 70_000 }, /exhibitor\.port: 70000/],
    [{ hosts: ['a'], port: 8181, poll_interval: 0 }, /exhibitor\.poll_interval: 0/],
  ] as const) {
    assert.throws(() => client(t, section, []), path);
  }
});
