import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { RawZooKeeper } from '../../../test/support/raw-zookeeper.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { fourLetters, startEnsemble, startZooKeeper } from '../../../test/support/zookeeper-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import type { Dcs } from '../../ports/dcs.js';
import { SeededRandom } from '../../sim/prng.js';
import { createZooKeeper } from './zookeeper-dcs.js';

const timings = { ttlMs: milliseconds(60_000), loopWaitMs: milliseconds(10_000), retryTimeoutMs: milliseconds(10_000) };
const call = { timeoutMs: milliseconds(10_000) };
const FOLDER = '/service/demo';
/** What a cluster has, and what others may put beside it. */
const NODES = ['leader', 'config', 'status', 'sync', 'optime/leader', 'history', 'members/a', 'members/b', 'members/b/own', 'nobodys/own'];

function client(t: TestContext, name: string, port: number, isReadOnlyClient = false): Dcs {
  const options = { scope: 'demo', name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog };
  const dcs = createZooKeeper({ ...options, section: { hosts: [`127.0.0.1:${port}`] }, isReadOnlyClient });
  t.after(() => dcs.close());
  return dcs;
}

/** Writes, deletes and creates again what the dice say. */
async function changeSomething(raw: RawZooKeeper, random: SeededRandom, value: string, nodes = NODES): Promise<void> {
  const node = `${FOLDER}/${nodes[Math.floor(random.next() * nodes.length)]}`;
  if (random.next() < 0.3) await raw.delete(node).catch(() => undefined);
  // What is to come below a member's key is refused while that is ephemeral, or while it has just gone.
  else await raw.put(node, value).catch(() => undefined);
}

test('whatever others change, the next load shows it, from a copy as from a read of everything', async (t) => {
  const server = await startZooKeeper();
  t.after(() => server.stop());
  const [member, fresh] = [client(t, 'a', server.port), client(t, 'ctl', server.port, true)];
  await member.start();
  const raw = await RawZooKeeper.connect(server.port);
  const random = new SeededRandom(7);
  for (let step = 0; step < 400; step += 1) {
    const burst = 1 + Math.floor(random.next() * 4);
    for (let each = 0; each < burst; each += 1) await changeSomething(raw, random, `{"step":${step},"each":${each}}`);
    if (step === 200) assert.equal(await fresh.deleteCluster(call), true);
    assert.deepEqual(await member.load(call), await fresh.load(call), `step ${step}`);
  }
  await raw.close();
});

test('the same beside a writer that never rests, over three servers: nothing older comes back, and in the end all is the same', async (t) => {
  const servers = await startEnsemble();
  t.after(() => Promise.all(servers.map((server) => server.stop())));
  const ports = servers.map(({ port }) => port);
  const member = client(t, 'a', ports[0] ?? 0);
  const fresh = client(t, 'ctl', ports[1] ?? 0, true);
  await member.start();
  const raw = await RawZooKeeper.connect(ports[2] ?? 0);
  await raw.put(`${FOLDER}/status`, '{"optime":0}');
  const random = new SeededRandom(11);
  const others = NODES.filter((node) => node !== 'status' && node !== 'optime/leader');
  const writer = (async () => {
    for (let step = 1; step <= 600; step += 1) {
      await raw.put(`${FOLDER}/status`, `{"optime":${step}}`);
      await changeSomething(raw, random, `{"step":${step}}`, others);
    }
  })();
  let isWriting = true;
  const noteEnd = (): void => {
    isWriting = false;
  };
  writer.then(noteEnd, noteEnd);
  let last = 0;
  while (isWriting) {
    const seen = Number((await member.load(call)).status.lastLsn);
    assert.ok(seen >= last, `${seen} after ${last}`);
    last = seen;
  }
  await writer;
  const wanted = await fresh.load(call);
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline && !isDeepStrictEqual(await member.load(call), wanted)) await nodeClock.sleep(50);
  assert.deepEqual(await member.load(call), wanted);
  await raw.close();
});

test('where nothing changes a load is one request', async (t) => {
  const server = await startZooKeeper();
  t.after(() => server.stop());
  const member = client(t, 'a', server.port);
  await member.start();
  assert.equal(await member.acquireLeaderLock(call), 'acquired');
  assert.equal(await member.writeConfig('{}', undefined, call), true);
  await member.load(call);
  const received = async (): Promise<number> => {
    const counts = [...(await fourLetters(server.port, 'cons')).matchAll(/recved=(\d+)/g)].map(([, count]) => Number(count));
    return Math.max(...counts);
  };
  const before = await received();
  const startedAt = performance.now();
  for (let round = 0; round < 50; round += 1) await member.load(call);
  const pings = Math.ceil((performance.now() - startedAt) / 1500);
  const sent = (await received()) - before;
  assert.ok(sent >= 50 && sent <= 50 + pings, `${sent} packets for 50 loads`);
});
