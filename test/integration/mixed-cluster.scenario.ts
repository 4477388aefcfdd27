import assert from 'node:assert/strict';
import { type AgentKind, hasPython } from './harness/implementations.js';
import { leaseTtl, watchForTwo } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

if (hasPython) {
  scenario(
    'two members of ours and one of the Python implementation follow and lead one another',
    { kinds: ['ours', 'ours', 'python'] },
    async ({ cluster, writer }) => {
      const watcher = watchForTwo(cluster);
      const python = cluster.members[2];
      assert.ok(python);
      try {
        const moveTo = async (control: AgentKind, name: string): Promise<void> => {
          const leader = await cluster.leader();
          if (leader.name === name) return;
          const args = ['switchover', 'batman', '--leader', leader.name, '--candidate', name, '--force'];
          const { code, stdout, stderr } = await cluster.patronictlOf(control, ...args);
          assert.equal(code, 0, stdout + stderr);
          await waitFor(`${name} leads`, async () => (await cluster.leader()).name === name);
          await writer.untilWritten(10);
          await cluster.untilHealthy();
        };
        await moveTo('ours', 'postgresql0');
        await moveTo('ours', python.name);
        await moveTo('python', 'postgresql1');
        await moveTo('python', python.name);
        await moveTo('ours', 'postgresql0');
        await cluster.untilHealthy();
        const patch = await cluster.patronictl(
          'edit-config',
          'batman',
          '--quiet',
          '--force',
          '-s',
          'ttl=5',
          '-s',
          'loop_wait=1',
          '-s',
          'retry_timeout=2',
        );
        assert.equal(patch.code, 0, patch.stdout + patch.stderr);
        let ttls: (number | undefined)[] = [];
        const keys = ['leader', 'members/postgresql0', 'members/postgresql1', `members/${python.name}`];
        await waitFor(
          'the leases follow the ttl',
          async () => {
            ttls = await Promise.all(keys.map((key) => leaseTtl(cluster, key)));
            return ttls.slice(0, 3).every((ttl) => ttl === 5);
          },
          10_000,
        );
        await cluster.untilHealthy();
      } finally {
        await watcher.stop();
      }
      const { looks, twice } = await watcher.stop();
      assert.ok(looks > 20);
      assert.equal(twice, 0, 'two servers accepted writes at once');
    },
  );
}
