import assert from 'node:assert/strict';
import { walReceiver } from './harness/process-tree.js';
import { scenario } from './harness/scenario.js';
import { syncKey } from './harness/sync-key.js';
import { waitFor } from './harness/wait.js';

const quick = { ttl: 10, loop_wait: 2, retry_timeout: 3, synchronous_mode: true };

scenario(
  'synchronous mode: the synchronous standby takes over, and no acknowledged row is lost',
  { dynamic: quick },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const key = await waitFor('a standby is synchronous', async () => {
      const found = await syncKey(cluster);
      return found?.leader === leader.name && found.voters.length === 1 ? found : false;
    });
    const standby = cluster.member(key.voters[0] ?? '');
    await waitFor('it says so', () => standby.isHealthy('/sync'), 3_000);
    const other = cluster.members.find((each) => each !== leader && each !== standby);
    assert.ok(other !== undefined);
    await waitFor('the other says that it is not', () => other.isHealthy('/async'), 3_000);
    const listed = await cluster.list();
    assert.equal(listed.find(({ Member }) => Member === standby.name)?.Role, 'Sync Standby');
    const refused = await cluster.rest(leader, 'POST', '/switchover', { leader: leader.name, candidate: other.name });
    assert.equal(refused.status, 412, refused.body);

    // No waiting for the pause between two rows: whatever was acknowledged must be there.
    leader.kill();
    await waitFor('another leads', async () => (await cluster.leader()) !== leader);
    assert.equal(await cluster.leader(), standby);
    await writer.untilWritten(20);
    leader.startAgent();
    await cluster.untilHealthy(120_000);
  },
);

scenario('synchronous mode: a lost synchronous standby is replaced, and writes go on', { dynamic: quick }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const first = await waitFor('a standby is synchronous', async () => (await syncKey(cluster))?.voters[0]);
  writer.forgetGaps();
  cluster.member(first).kill();
  const second = await waitFor('the other is synchronous', async () => {
    const name = (await syncKey(cluster))?.voters[0];
    return name !== undefined && name !== first ? name : false;
  });
  await writer.untilWritten(20);
  assert.ok(writer.longestGapMs < 4_000, `no acknowledged row for ${writer.longestGapMs} ms`);
  cluster.member(second).kill();
  await waitFor('nobody is synchronous', async () => (await syncKey(cluster))?.voters.length === 0);
  await writer.untilWritten(20);
  assert.equal(await cluster.leader(), leader);
  for (const name of [first, second]) cluster.member(name).startAgent();
  await cluster.untilHealthy(120_000);
});

scenario(
  'synchronous mode: a synchronous standby that stops without a word is replaced long before wal_sender_timeout',
  { dynamic: quick },
  async ({ cluster, writer }) => {
    const first = await waitFor('a standby is synchronous', async () => (await syncKey(cluster))?.voters[0]);
    const receiver = walReceiver(cluster.member(first).postmasterPid());
    writer.forgetGaps();
    process.kill(receiver, 'SIGSTOP');
    await waitFor('the other is synchronous', async () => {
      const name = (await syncKey(cluster))?.voters[0];
      return name !== undefined && name !== first ? name : false;
    });
    await writer.untilWritten(20);
    assert.ok(writer.longestGapMs > 4_000 && writer.longestGapMs < 12_000, `no acknowledged row for ${writer.longestGapMs} ms`);
    process.kill(receiver, 'SIGCONT');
    await writer.untilWritten(20);
    await cluster.untilHealthy();
  },
);

scenario(
  'strict synchronous mode: without a standby commits wait',
  { dynamic: { ...quick, synchronous_mode_strict: true } },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    await waitFor('a standby is synchronous', async () => (await syncKey(cluster))?.voters.length === 1);
    const before = await syncKey(cluster);
    const standbys = cluster.members.filter((each) => each !== leader);
    const isSync = (name: string): boolean => before?.voters[0] === name;
    // The synchronous one last: there must be nobody to take its place.
    standbys.find(({ name }) => !isSync(name))?.kill();
    await waitFor('one standby streams', async () => {
      const { rows } = await cluster.sql(leader, 'SELECT application_name FROM pg_stat_replication');
      return rows.length === 1;
    });
    standbys.find(({ name }) => isSync(name))?.kill();
    await waitFor('the leader says that commits wait', () => leader.agent.tail(20_000).includes('Commits will be delayed'));
    const count = writer.count;
    await waitFor('no row for a second', () => writer.longestGapMs > 1_000 && writer.longestGapMs < 60_000);
    assert.ok(writer.count - count <= 1);
    assert.deepEqual(await syncKey(cluster), before);
    for (const standby of standbys) standby.startAgent();
    await writer.untilWritten(20);
    await cluster.untilHealthy(120_000);
  },
);

scenario(
  'the synchronous mode is switched on, to quorum, and off at run time',
  { dynamic: { ttl: 10, loop_wait: 2, retry_timeout: 3 } },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const setMode = async (value: unknown): Promise<void> => {
      const answer = await cluster.rest(leader, 'PATCH', '/config', { synchronous_mode: value });
      assert.equal(answer.status, 200, answer.body);
    };
    const names = async (): Promise<unknown> =>
      (await cluster.sql(leader, 'SHOW synchronous_standby_names')).rows[0]?.['synchronous_standby_names'];
    await setMode(true);
    await waitFor('one standby is synchronous', async () => (await syncKey(cluster))?.voters.length === 1);
    await writer.untilWritten(20);
    await setMode('quorum');
    await waitFor('a quorum of two', async () => {
      const key = await syncKey(cluster);
      return key?.voters.length === 2 && key.quorum === 1;
    });
    await waitFor('one of two is waited for', async () => /^ANY 1 \(postgresql\d,postgresql\d\)$/.test(String(await names())));
    await writer.untilWritten(20);
    await setMode(true);
    await waitFor('one standby is synchronous again', async () => {
      const key = await syncKey(cluster);
      return key?.voters.length === 1 && key.quorum === 0;
    });
    await writer.untilWritten(20);
    await setMode('off');
    await waitFor('the key is gone', async () => (await syncKey(cluster)) === undefined);
    await waitFor('nobody is waited for', async () => (await names()) === '');
    await writer.untilWritten(20);
  },
);
