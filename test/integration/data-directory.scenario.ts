import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { TestCluster } from './harness/test-cluster.js';
import { pause, waitFor } from './harness/wait.js';

/** Sets or removes the script at the end of the bootstrap. */
function setPostBootstrap(configFile: string, script: string | undefined): void {
  const configuration = JSON.parse(readFileSync(configFile, 'utf8')) as { bootstrap: Record<string, unknown> };
  configuration.bootstrap['post_bootstrap'] = script;
  writeFileSync(configFile, JSON.stringify(configuration));
}

void test('T96, patroni-2302: a failed bootstrap is set aside, and only an order removes data', { timeout: 120_000 }, async () => {
  const cluster = await TestCluster.prepare({ members: 2 });
  let hasFailed = true;
  try {
    const [first, second] = cluster.members;
    assert.ok(first !== undefined && second !== undefined);
    setPostBootstrap(first.configFile, '/bin/false');
    first.startAgent();
    await waitFor('the agent gives up', () => !first.agent.isRunning, 60_000);
    assert.match(first.agent.tail(200), /removing initialize key after failed attempt to bootstrap the cluster/);
    assert.equal(existsSync(first.dataDir), false);
    assert.equal(existsSync(`${first.dataDir}.failed/PG_VERSION`), true);

    setPostBootstrap(first.configFile, undefined);
    first.startAgent();
    await cluster.leader();
    second.startAgent();
    await cluster.untilHealthy();
    // Nothing was added to, or taken from, what had been set aside.
    assert.equal(existsSync(`${first.dataDir}.failed/PG_VERSION`), true);

    // Data that nobody can identify are left alone, whatever is missing in them, until somebody orders a new copy.
    await second.stopAgent();
    const control = `${second.dataDir}/global/pg_control`;
    writeFileSync(control, '');
    const before = readdirSync(second.dataDir).length;
    second.startAgent();
    await waitFor('it says so', () => second.agent.tail(50).includes('consider doing reinitialize'));
    await pause(1_000);
    assert.ok(readdirSync(second.dataDir).length >= before - 1);
    const { code, stdout, stderr } = await cluster.patronictl('reinit', 'batman', second.name, '--force', '--wait');
    assert.equal(code, 0, `${stdout}${stderr}`);
    await cluster.untilHealthy();
    assert.match(second.agent.tail(400), /Removing data directory: .*postgresql1/);
    hasFailed = false;
  } finally {
    await cluster.stop({ hasFailed });
  }
});

void test('an agent that is ended while it creates the cluster leaves clean ground', { timeout: 120_000 }, async () => {
  const cluster = await TestCluster.prepare({ members: 1 });
  let hasFailed = true;
  try {
    const [member] = cluster.members;
    assert.ok(member !== undefined);
    setPostBootstrap(member.configFile, '/bin/sleep 100');
    member.startAgent();
    await waitFor('the bootstrap goes on', () => member.agent.tail(200).includes('running post_bootstrap'), 60_000);
    await member.stopAgent();
    assert.equal(existsSync(member.dataDir), false);
    assert.equal(existsSync(`${member.dataDir}.failed/PG_VERSION`), true);
    setPostBootstrap(member.configFile, undefined);
    member.startAgent();
    await cluster.untilHealthy();
    const { rows } = await cluster.sql(member, "SELECT 1 FROM pg_roles WHERE rolname = 'replicator'");
    assert.equal(rows.length, 1);
    hasFailed = false;
  } finally {
    await cluster.stop({ hasFailed });
  }
});
