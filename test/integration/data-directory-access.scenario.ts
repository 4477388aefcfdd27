import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

const TOLD = /data directory is not accessible: user \S+ \(uid \d+\) may not read \S+\/postgresql0: it must own the directory/;
const WRONG = /Unexpected|BUG|^ +at |bootstrap|initdb|Lock owner: postgresql0/;

void test('a member that may not look into its data directory says so, and neither leads nor creates anything', {
  timeout: 180_000,
}, async () => {
  const cluster = await TestCluster.start({ members: 1, dynamic: { loop_wait: 1 } });
  let hasFailed = true;
  try {
    const [member] = cluster.members;
    assert.ok(member !== undefined);
    const identity = await cluster.sql(member, 'SELECT system_identifier::text FROM pg_control_system()');
    for (const path of [member.dataDir, dirname(member.dataDir)]) {
      await member.stopAgent();
      const before = member.agent.tail(10_000).length;
      chmodSync(path, 0o000);
      try {
        member.startAgent();
        const lines = (): readonly string[] => member.agent.tail(10_000).slice(before).split('\n');
        await waitFor(`three cycles without ${path}`, () => lines().filter((line) => TOLD.test(line)).length >= 3);
        assert.deepEqual(
          lines().filter((line) => WRONG.test(line)),
          [],
        );
      } finally {
        chmodSync(path, 0o700);
      }
      await cluster.untilHealthy();
    }
    assert.deepEqual((await cluster.sql(member, 'SELECT system_identifier::text FROM pg_control_system()')).rows, identity.rows);

    chmodSync(member.dataDir, 0o000);
    try {
      await waitFor('a leader that runs stops', () => member.agent.tail(20).includes('data dir not accessible and currently leader'));
      await waitFor('and tells why', () => TOLD.test(member.agent.tail(5)));
    } finally {
      chmodSync(member.dataDir, 0o700);
    }
    await cluster.untilHealthy();
    hasFailed = false;
  } finally {
    await cluster.stop({ hasFailed });
  }
});
