import assert from 'node:assert/strict';
import { hasPython } from './harness/implementations.js';
import { scenario } from './harness/scenario.js';
import { syncKey } from './harness/sync-key.js';
import { waitFor } from './harness/wait.js';

const dynamic = { ttl: 20, loop_wait: 3, retry_timeout: 3, synchronous_mode: true };

if (hasPython) {
  scenario(
    'a synchronous standby is released before it restarts, whoever of the two implementations leads',
    { dynamic, kinds: ['ours', 'ours', 'python'] },
    async ({ cluster, writer }) => {
      const python = cluster.member('postgresql2');
      const restart = async (name: string): Promise<number> => {
        await writer.untilWritten(20);
        writer.forgetGaps();
        const { code, stdout, stderr } = await cluster.patronictl('restart', 'batman', name, '--force');
        assert.equal(code, 0, `${stdout}${stderr}`);
        await writer.untilWritten(20);
        return writer.longestGapMs;
      };
      const synchronous = (): Promise<string> =>
        waitFor('a standby is synchronous', async () => {
          const key = await syncKey(cluster);
          return key?.leader === (await cluster.leader()).name ? key.voters[0] : undefined;
        });
      const waits: Record<string, number> = {};
      if ((await cluster.leader()) === python) waits['restart of ours, Python leads'] = await restart(await synchronous());
      else {
        // The Python member becomes the synchronous one when the others ask to be left out for a moment.
        for (let tries = 0; tries < 3 && (await synchronous()) !== python.name; tries++) await restart(await synchronous());
        assert.equal(await synchronous(), python.name);
        waits['restart of Python, ours leads'] = await restart(python.name);
        // Only a synchronous standby may be switched over to.
        for (let tries = 0; tries < 3 && (await synchronous()) !== python.name; tries++) await restart(await synchronous());
        const leader = await cluster.leader();
        const switchover = await cluster.patronictl('switchover', 'batman', '--leader', leader.name, '--candidate', python.name, '--force');
        assert.equal(switchover.code, 0, switchover.stdout + switchover.stderr);
        await cluster.untilHealthy();
        waits['restart of ours, Python leads'] = await restart(await synchronous());
      }
      process.stdout.write(`longest waits: ${JSON.stringify(waits)} ms\n`);
      assert.ok(Math.max(...Object.values(waits)) < 700, JSON.stringify(waits));
    },
  );
}
