import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kubeObstacle } from '../support/kube-server.js';
import { type AgentKind, hasPython } from './harness/implementations.js';
import { KubernetesServer } from './harness/kubernetes-server.js';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

const skip = hasPython ? kubeObstacle() : 'the Python implementation is not here';
if (skip !== undefined) test('mixed clusters on Kubernetes', { skip }, () => undefined);
else {
  for (const store of ['kubernetes', 'kubernetes-endpoints'] as const) {
    const kinds: readonly AgentKind[] = ['ours', 'ours', 'python'];
    // Nothing acknowledged is lost with a killed leader, and each replica may follow it.
    const dynamic = { synchronous_mode: true, synchronous_node_count: 2 };
    scenario(
      `${store}: members of both implementations follow and lead one another`,
      { store, kinds, dynamic },
      async ({ cluster, writer }) => {
        const python = cluster.members[2];
        assert.ok(python);
        const untilSynchronous = (): Promise<unknown> =>
          waitFor(
            'both replicas are synchronous',
            async () => (await cluster.list()).filter(({ Role }) => Role === 'Sync Standby').length === 2,
          );
        const moveTo = async (control: AgentKind, name: string): Promise<void> => {
          const leader = await cluster.leader();
          if (leader.name === name) return;
          await untilSynchronous();
          const args = ['switchover', 'batman', '--leader', leader.name, '--candidate', name, '--force'];
          const { code, stdout, stderr } = await cluster.patronictlOf(control, ...args);
          assert.equal(code, 0, stdout + stderr);
          await waitFor(`${name} leads`, async () => (await cluster.leader()).name === name);
          await writer.untilWritten(10);
          await cluster.untilHealthy();
          await waitFor(`the labels say that ${name} leads`, async () => {
            assert.ok(cluster.etcd instanceof KubernetesServer);
            const expected = Object.fromEntries(cluster.members.map((each) => [each.name, each.name === name ? 'primary' : 'replica']));
            assert.deepEqual(await cluster.etcd.roles(), expected);
            return true;
          });
        };
        await moveTo('ours', python.name);
        await moveTo('python', 'postgresql0');
        await moveTo('ours', python.name);
        await untilSynchronous();
        python.kill();
        const next = await waitFor('one of ours leads', async () => {
          const leader = await cluster.leader();
          return leader !== python && leader;
        });
        await writer.untilWritten(10);
        python.startAgent();
        await cluster.untilHealthy();
        await untilSynchronous();
        next.kill();
        await waitFor('another member leads', async () => (await cluster.leader()) !== next);
        await writer.untilWritten(10);
        next.startAgent();
        await cluster.untilHealthy();
      },
    );
  }
}
