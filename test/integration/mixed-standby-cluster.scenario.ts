import assert from 'node:assert/strict';
import { demote, promote, untilHasEndOf } from './harness/cluster-roles.js';
import { hasPython } from './harness/implementations.js';
import { assertReadOnly, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';

if (hasPython) {
  twoClusters(
    'a standby cluster of one member of ours and one of the Python implementation: both lead it, and both are promoted',
    { mainMembers: 1, standbyKinds: ['ours', 'python'] },
    async ({ main, standby, writer }) => {
      const move = async (to: string): Promise<void> => {
        const leader = await standby.leader();
        if (leader.name === to) return;
        const { code, stdout, stderr } = await standby.patronictl('switchover', 'robin', '--candidate', to, '--force');
        assert.equal(code, 0, stdout + stderr);
        await waitFor(`${to} is standby leader`, async () => standby.member(to).isHealthy('/standby-leader'));
        await standby.untilHealthy();
        await untilCaughtUp(standby, writer);
        await assertReadOnly(standby);
      };
      await untilCaughtUp(standby, writer);
      await move('standby1');
      await move('standby0');
      await move('standby1');
      await demote(main, standby);
      await untilHasEndOf(standby, main);
      await promote(standby);
      await writer.untilWritten(20);
      await standby.untilHealthy();
      await untilCaughtUp(main, writer);
    },
  );
}
