import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { promote } from './harness/cluster-roles.js';
import { addressOf, assertReadOnly, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';

/** Takes connections and says nothing. */
function muteServer(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

twoClusters('the agent is killed while it demotes its cluster: the cluster comes back read-only', {}, async ({ main, standby, writer }) => {
  await writer.betweenRows(async () => {
    await untilCaughtUp(standby, writer);
    const leader = await main.leader();
    await main.rest(leader, 'PATCH', '/config', { standby_cluster: addressOf(standby) });
    await waitFor('the demotion has begun', () => leader.agent.tail(50).includes('Demoting self (demote-cluster)'));
    leader.agent.signal('SIGKILL');
    await leader.stopAgent('SIGKILL');
    leader.startAgent();
    await waitFor('a standby leader', async () => (await main.leader()).isHealthy('/standby-leader'));
    await main.untilHealthy();
    await assertReadOnly(main);
    await promote(standby);
  });
  await writer.untilWritten(20);
  await untilCaughtUp(main, writer, 60_000);
  await assertReadOnly(main);
});

twoClusters(
  'the main cluster is gone, its hosts take connections and do not answer: the standby cluster goes on, and is promoted',
  {},
  async ({ main, standby, writer }) => {
    await writer.betweenRows(async () => {
      await untilCaughtUp(standby, writer);
      for (const member of main.members) member.kill();
      // They take connections and never say a word, as a machine whose disk hangs.
      const mute = await Promise.all([muteServer(), muteServer()]);
      const section = { host: '127.0.0.1,127.0.0.1', port: mute.map(portOf).join(',') };
      const first = await standby.leader();
      assert.equal((await standby.rest(first, 'PATCH', '/config', { standby_cluster: section })).status, 200);
      await waitFor('the new hosts are followed', async () => {
        const { rows } = await standby.sql(first, "SELECT current_setting('primary_conninfo') AS c");
        return String(rows[0]?.['c']).includes(section.port);
      });
      const began = performance.now();
      const { code, stderr } = await standby.patronictl('switchover', '--force');
      assert.equal(code, 0, stderr);
      await waitFor('the other member is standby leader', async () => (await standby.leader()) !== first);
      await standby.untilHealthy(60_000);
      assert.ok(performance.now() - began < 45_000, 'a cycle waited for the remote hosts');
      await assertReadOnly(standby);
      await promote(standby);
      for (const server of mute) server.close();
    });
    await writer.untilWritten(20);
    await standby.untilHealthy();
  },
);
