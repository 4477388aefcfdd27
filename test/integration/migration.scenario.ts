import assert from 'node:assert/strict';
import { type AgentKind, hasPython } from './harness/implementations.js';
import type { Member } from './harness/member.js';
import { watchForTwo } from './harness/observers.js';
import { type Scene, scenario } from './harness/scenario.js';
import type { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

const THREE_OF_PYTHON = ['python', 'python', 'python'] as const;

async function ctl(cluster: TestCluster, kind: AgentKind, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.patronictlOf(kind, ...args);
  assert.equal(code, 0, `patronictl ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

async function replicasFirst(cluster: TestCluster): Promise<readonly Member[]> {
  return [...(await cluster.replicas()), await cluster.leader()];
}

/** In maintenance mode the agents change under running servers; docs/migration.md, "Without touching PostgreSQL". */
async function changeAgentsInPause({ cluster, writer }: Scene, from: AgentKind, to: AgentKind): Promise<void> {
  const leader = await cluster.leader();
  const before = cluster.members.map((member) => member.postmasterPid());
  writer.forgetGaps();
  await ctl(cluster, from, 'pause', 'batman', '--wait');
  for (const member of await replicasFirst(cluster)) {
    await member.stopAgent();
    member.startAgent(to);
    await waitFor(`${member.name} is back`, async () => (await member.status()).state === 'running');
    await waitFor(`${member.name} is listed`, async () => (await cluster.list()).some((row) => row.Member === member.name));
  }
  await waitFor('the leader leads', () => leader.isHealthy('/primary'));
  await ctl(cluster, to, 'resume', 'batman', '--wait');
  await cluster.untilHealthy();
  assert.deepEqual(
    cluster.members.map((member) => member.postmasterPid()),
    before,
    'no PostgreSQL was restarted',
  );
  assert.equal(await cluster.leader(), leader);
  assert.ok(writer.longestGapMs < 1_000, `no acknowledged row for ${writer.longestGapMs} ms`);
}

/** One member after the other is stopped with its server and comes back with the other agent; docs/migration.md, "Member by member". */
async function changeMemberByMember({ cluster, writer }: Scene, from: AgentKind, to: AgentKind): Promise<void> {
  for (const member of await cluster.replicas()) {
    await member.stopAgent();
    member.startAgent(to);
    await cluster.untilHealthy();
  }
  const leader = await cluster.leader();
  assert.equal(leader.kind, from);
  const [next] = await cluster.replicas();
  assert.ok(next !== undefined);
  await ctl(cluster, from, 'switchover', 'batman', '--leader', leader.name, '--candidate', next.name, '--force');
  await waitFor(`${next.name} leads`, async () => (await cluster.leader()) === next);
  await cluster.untilHealthy();
  await leader.stopAgent();
  leader.startAgent(to);
  await cluster.untilHealthy();
  assert.ok(cluster.members.every(({ kind }) => kind === to));
  await writer.untilWritten(20);
}

if (hasPython) {
  scenario('a cluster of Python Patroni becomes ours in maintenance mode, and back', { kinds: THREE_OF_PYTHON }, async (scene) => {
    const { cluster } = scene;
    const watch = watchForTwo(cluster);
    await ctl(cluster, 'python', 'edit-config', 'batman', '--quiet', '--force', '-s', 'loop_wait=5');
    const history = await ctl(cluster, 'python', 'history', 'batman', '-f', 'json');
    await changeAgentsInPause(scene, 'python', 'ours');
    assert.match(await ctl(cluster, 'ours', 'show-config', 'batman'), /loop_wait: 5/);
    assert.deepEqual(JSON.parse(await ctl(cluster, 'ours', 'history', 'batman', '-f', 'json')), JSON.parse(history));
    await changeAgentsInPause(scene, 'ours', 'python');
    assert.equal((await watch.stop()).twice, 0);
  });

  scenario('a cluster of Python Patroni becomes ours member by member, and back', { kinds: THREE_OF_PYTHON }, async (scene) => {
    const watch = watchForTwo(scene.cluster);
    await changeMemberByMember(scene, 'python', 'ours');
    await changeMemberByMember(scene, 'ours', 'python');
    assert.equal((await watch.stop()).twice, 0);
  });
}
