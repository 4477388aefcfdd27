import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../support/free-port.js';
import { Member } from './harness/member.js';
import { leaseTtl } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

scenario('all members stopped at once: the lock is released quickly, and all come back', {}, async ({ cluster, writer }) => {
  // Replicas that stop do not wait for what the leader still writes, and one of them may be up first.
  await writer.betweenRows(async () => {
    const stoppedAt = performance.now();
    const stops = Promise.all(cluster.members.map((each) => each.stopAgent()));
    await waitFor('the lock is gone', async () => (await leaseTtl(cluster, 'leader')) === undefined, 20_000);
    await stops;
    // Far below the 30 s after which the lease would have ended by itself.
    assert.ok(performance.now() - stoppedAt < 15_000, `${performance.now() - stoppedAt} ms`);
  });
  for (const member of cluster.members) assert.equal(member.postmasterPid(), undefined);
  for (const member of cluster.members) member.startAgent();
  await cluster.untilHealthy();
});

scenario('SIGHUP with a broken file: what runs stays in force, and the repaired file is taken', {}, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const before = leader.postmasterPid();
  const file = readFileSync(leader.configFile, 'utf8');
  writeFileSync(leader.configFile, 'scope: [batman\nname: "');
  leader.agent.signal('SIGHUP');
  await waitFor('the file is refused', () => /local configuration refused/.test(leader.agent.tail(200)));
  await writer.untilWritten(20);
  assert.equal(await leader.isHealthy('/primary'), true);
  const repaired = JSON.parse(file) as { postgresql: { parameters: Record<string, unknown> } };
  repaired.postgresql.parameters['work_mem'] = '7MB';
  writeFileSync(leader.configFile, JSON.stringify(repaired));
  leader.agent.signal('SIGHUP');
  await waitFor('the repaired file is in force', async () => {
    const { rows } = await cluster.sql(leader, 'SHOW work_mem');
    return rows[0]?.['work_mem'] === '7MB';
  });
  assert.equal(leader.postmasterPid(), before);
});

scenario('T171: a second member of the same name refuses to start', {}, async ({ cluster }) => {
  const [replica] = await cluster.replicas();
  assert.ok(replica);
  const [port = 0, restPort = 0] = await freePorts(2);
  const folder = join(cluster.folder, 'namesake');
  mkdirSync(join(folder, 'data'), { recursive: true });
  const { restapi, postgresql, ...rest } = replica.options.configuration as Record<string, Record<string, unknown>>;
  const address = (number: number) => ({ listen: `127.0.0.1:${number}`, connect_address: `127.0.0.1:${number}` });
  const configuration = {
    ...rest,
    restapi: { ...restapi, ...address(restPort) },
    postgresql: { ...postgresql, ...address(port), data_dir: join(folder, 'data', replica.name) },
  };
  const namesake = new Member({ ...replica.options, folder, port, restPort, configuration });
  namesake.startAgent();
  try {
    await waitFor('it ends', () => !namesake.agent.isRunning, 20_000);
    assert.match(namesake.agent.tail(), /there is already a node named/);
    assert.equal(await namesake.agent.stop(), 1);
    assert.equal(namesake.postmasterPid(), undefined);
  } finally {
    await namesake.remove();
  }
  await cluster.untilHealthy();
});
