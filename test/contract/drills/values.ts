import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds } from '../../../src/base/duration.js';
import { type ClusterView, memberNamed } from '../../../src/cluster/view.js';
import { CALL, type DrillHarness, Opened, TIMINGS, until } from './harness.js';
import type { SharedServer } from './shared-server.js';

const MEGABYTE = 1024 * 1024;
const KEYS = ['config', 'status', 'members/x', 'failover', 'sync', 'history', 'failsafe', 'initialize', 'unknown'];
type Garbage = readonly (readonly [what: string, value: Buffer])[];
const garbageUpTo = (bytes: number): Garbage => [
  ['no text', Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28, 0x0a, 0x22])],
  ['no JSON', Buffer.from('{"a":')],
  ['JSON of another kind', Buffer.from('[[[1e999,null,"x"]]]')],
  [bytes === MEGABYTE ? 'a megabyte' : `${bytes} bytes`, Buffer.alloc(bytes, 'x')],
];

/** Somebody else writes below our path. */
export function valueDrills(harness: DrillHarness, shared: SharedServer): void {
  for (const [what, value] of garbageUpTo(harness.largestValue ?? MEGABYTE)) {
    test(`somebody writes ${what} under every key of ours: it reads as nothing of worth, and the lock and all writes go on`, async (t) => {
      const opened = new Opened();
      t.after(() => opened.end());
      const scope = shared.newScope();
      const dcs = opened.add(harness.client('a', [shared.server.port], { timings: TIMINGS, scope }));
      await dcs.start();
      assert.equal(await dcs.acquireLeaderLock(CALL), 'acquired');
      for (const key of KEYS) await harness.writeRaw(shared.server, scope, key, value);
      const view = await seen(
        () => dcs.load(CALL),
        (read) => memberNamed(read, 'x') !== undefined && read.initialize !== undefined,
      );
      assert.equal(view.leader?.name, 'a');
      assert.equal(view.config?.isValid, false);
      assert.deepEqual(memberNamed(view, 'x')?.data, {});
      assert.equal(view.status.lastLsn, 0n);
      assert.equal(view.sync.leader, undefined);
      assert.equal(await dcs.renewLeaderLock(view.leader, CALL), 'renewed');
      assert.equal(await dcs.writeStatus('{"optime":7}', CALL), true);
      assert.equal(await dcs.writeConfig('{"ttl":30}', view.config?.version, CALL), true);
      assert.notEqual(await dcs.writeSync('{"leader":"a","sync_standby":null}', view.sync.version, CALL), undefined);
      assert.equal(await dcs.touchMember('{"state":"running"}', undefined, CALL), true);
      const mended = await seen(
        () => dcs.load(CALL),
        ({ status, config }) => status.lastLsn === 7n && config?.isValid === true,
      );
      assert.equal(mended.sync.leader, 'a');
      assert.equal(await dcs.renewLeaderLock(mended.leader, CALL), 'renewed');
    });
  }

  test('somebody writes another name into the leader key: the lock is lost', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const scope = shared.newScope();
    const dcs = opened.add(harness.client('a', [shared.server.port], { timings: TIMINGS, scope }));
    await dcs.start();
    assert.equal(await dcs.acquireLeaderLock(CALL), 'acquired');
    await harness.writeRaw(shared.server, scope, 'leader', Buffer.from('somebody'));
    assert.equal(await dcs.renewLeaderLock((await dcs.load(CALL)).leader, CALL), 'lost');
    assert.equal((await dcs.load(CALL)).leader?.name, 'somebody');
  });

  if (harness.largestValue !== undefined) return;
  test('more than can be read below our path: unknown, with the limit named; it goes on when that is gone', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const scope = shared.newScope();
    const dcs = opened.add(harness.client('a', [shared.server.port], { timings: TIMINGS, scope }));
    // Servers take their time to put so much together.
    const patient = { timeoutMs: milliseconds(12_000) };
    for (let n = 0; n < 18; n += 1) await harness.writeRaw(shared.server, scope, `members/junk${n}`, Buffer.alloc(MEGABYTE, 'x'));
    await assert.rejects(dcs.load(patient), /larger than \d+ bytes/);
    assert.equal(await dcs.deleteCluster(patient), true);
    await dcs.start();
    assert.equal(await dcs.acquireLeaderLock(CALL), 'acquired');
    assert.equal((await dcs.load(CALL)).leader?.name, 'a');
  });
}

async function seen(load: () => Promise<ClusterView>, claim: (view: ClusterView) => boolean): Promise<ClusterView> {
  let view = await load();
  await until('what was written is read', async () => {
    view = await load();
    return claim(view);
  });
  return view;
}
