import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

scenario('patronictl: list, topology, show-config, pause, resume, reload, history', {}, async ({ cluster, writer }) => {
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.patronictl(...args);
    assert.equal(code, 0, `patronictl ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const leader = await cluster.leader();
  assert.match(await run('list'), /Cluster: batman/);
  assert.match(await run('topology'), /\+ postgresql/);
  assert.match(await run('show-config'), /^loop_wait: 10$/m);
  assert.match(await run('version'), /^patronictl version /);
  await run('pause', '--wait');
  assert.match(await run('list'), /Maintenance mode: on/);
  // Paused, nobody fails over: a stopped agent costs no leader.
  await leader.stopAgent();
  assert.notEqual(leader.postmasterPid(), undefined, 'PostgreSQL runs on when its agent stops in pause');
  await writer.untilWritten(10);
  leader.startAgent();
  await waitFor('it leads again', async () => leader.isHealthy('/primary'));
  await run('resume', '--wait');
  await run('reload', 'batman', '--force');
  await run('history');
  await cluster.untilHealthy();
});
