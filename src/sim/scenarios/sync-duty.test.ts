import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonObject } from '../../base/json.js';
import type { SimMember } from '../member.js';
import { Scene } from './scene.js';

const MODES = [{ synchronous_mode: true }, { synchronous_mode: true, synchronous_node_count: 2 }, { synchronous_mode: 'quorum' }];

function votersOf(scene: Scene): readonly string[] {
  const names = parseJsonObject(scene.world.store.get('/service/sim/sync')?.value ?? '{}')?.['sync_standby'];
  return typeof names === 'string' ? names.split(',') : [];
}

async function synchronousStandby(scene: Scene): Promise<SimMember> {
  await scene.run.until('a standby is synchronous', 60_000, () => votersOf(scene).length > 0);
  const member = scene.world.member(votersOf(scene)[0] ?? '');
  assert.ok(member !== undefined);
  return member;
}

/** Whether commits of the leader wait for the member at the moment when its server goes down. */
async function isNamedWhenItGoes(scene: Scene, member: SimMember): Promise<boolean> {
  await scene.run.until('its server goes down', 60_000, () => !member.server.isRunning || member.server.isStopping);
  return scene.leader.server.commits.inForce.names.includes(member.name);
}

for (const config of MODES) {
  const mode = JSON.stringify(config);
  test(`T141: a synchronous standby is released before it restarts: ${mode}`, async () => {
    const scene = await Scene.begin({ config });
    const standby = await synchronousStandby(scene);
    void standby.agent?.control.restart({});
    assert.equal(await isNamedWhenItGoes(scene, standby), false);
    const member = (): string => scene.world.store.get(`/service/sim/members/${standby.name}`)?.value ?? 'nosync';
    await scene.run.until('it may be synchronous again', 60_000, () => !member().includes('nosync'));
    await scene.run.until('somebody is', 60_000, () => votersOf(scene).length > 0);
    await scene.end();
  });

  test(`a synchronous standby is released before its agent stops: ${mode}`, async () => {
    const scene = await Scene.begin({ config });
    const standby = await synchronousStandby(scene);
    standby.stopAgent();
    assert.equal(await isNamedWhenItGoes(scene, standby), false);
    standby.startAgent();
    await scene.end();
  });
}

test('T141: a standby waits two loop waits at most for a leader that does not release it', async () => {
  const scene = await Scene.begin({ config: { synchronous_mode: true } });
  const standby = await synchronousStandby(scene);
  scene.leader.freeze(3 * scene.world.timings.loopWaitMs);
  const askedAt = scene.world.scheduler.now;
  void standby.agent?.control.restart({});
  assert.equal(await isNamedWhenItGoes(scene, standby), true);
  const waited = scene.world.scheduler.now - askedAt;
  assert.ok(waited >= 2 * scene.world.timings.loopWaitMs && waited < 2.5 * scene.world.timings.loopWaitMs, `${waited} ms`);
  await scene.end();
});

test('in strict mode the last standby goes at once: nobody could release it', async () => {
  const scene = await Scene.begin({ config: { synchronous_mode: true, synchronous_mode_strict: true }, members: 2 });
  const standby = await synchronousStandby(scene);
  const askedAt = scene.world.scheduler.now;
  void standby.agent?.control.restart({});
  assert.equal(await isNamedWhenItGoes(scene, standby), true);
  assert.ok(scene.world.scheduler.now - askedAt < scene.world.timings.loopWaitMs);
  await scene.end();
});
