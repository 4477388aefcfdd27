import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Member } from './harness/member.js';
import { processTree } from './harness/process-tree.js';
import { TestCluster } from './harness/test-cluster.js';
import { giveToUnprivileged } from './harness/unprivileged.js';
import { waitFor } from './harness/wait.js';

const dynamic = { ttl: 5, loop_wait: 1, retry_timeout: 2 };
const PARAMETERS = { max_connections: 50, shared_buffers: '16MB', wal_keep_size: '64MB' };
const LIMIT_MS = 110_000;

type Section = Record<string, unknown>;
type Body = (cluster: TestCluster) => Promise<void>;

interface Set {
  readonly members?: number;
  readonly dynamicPostgresql?: Section;
  /** Changes the section `postgresql` of a member, or the whole file. */
  readonly edit?: (postgresql: Section, whole: Section, index: number, folder: string) => void;
}

/** A cluster whose first member leads from the beginning. */
function rewindTest(name: string, { members = 2, dynamicPostgresql = {}, edit }: Set, body: Body): void {
  void test(name, { timeout: LIMIT_MS }, async () => {
    const postgresql = { use_pg_rewind: true, use_slots: true, parameters: PARAMETERS, ...dynamicPostgresql };
    const cluster = await TestCluster.prepare({ members, dynamic: { ...dynamic, postgresql } });
    let hasFailed = true;
    try {
      for (const [index, member] of cluster.members.entries()) {
        const whole = JSON.parse(readFileSync(member.configFile, 'utf8')) as Section & { postgresql: Section };
        edit?.(whole.postgresql, whole, index, cluster.folder);
        writeFileSync(member.configFile, JSON.stringify(whole, undefined, 2));
        member.startAgent();
        if (index === 0) await waitFor('the first member leads', () => member.isHealthy('/primary'));
      }
      await cluster.untilHealthy();
      await body(cluster);
      hasFailed = false;
    } finally {
      await cluster.stop({ hasFailed });
    }
  });
}

/** The first member loses its place, with WAL that nobody else has. */
async function loseLeader(cluster: TestCluster): Promise<{ readonly former: Member; readonly next: Member }> {
  const former = await cluster.leader();
  await cluster.killWithWalOfItsOwn(former);
  const next = await waitFor('another member leads', async () => {
    const leader = await cluster.leader(1_000);
    return leader === former ? undefined : leader;
  });
  await writeSince(cluster, next);
  return { former, next };
}

/** The lock comes first, the promotion a moment later. */
async function writeSince(cluster: TestCluster, leader: Member): Promise<void> {
  await waitFor('the new leader is writable', async () => {
    await cluster.sql(leader, 'CREATE TABLE since_then AS SELECT 1 AS one');
    return true;
  });
}

async function untilItFollows(cluster: TestCluster, former: Member): Promise<void> {
  await waitFor('the former leader has the new rows', async () => {
    const { rows } = await cluster.sql(former, 'SELECT one, pg_is_in_recovery() AS standby FROM since_then');
    return rows[0]?.['one'] === 1 && rows[0]['standby'] === true;
  });
  await cluster.untilHealthy(30_000);
}

const log = (member: Member): string => member.agent.tail(100_000);

rewindTest(
  'after an unclean end: recovery in single-user mode, WAL from the archive, and what was not archived goes there first',
  {
    dynamicPostgresql: { parameters: { ...PARAMETERS, wal_keep_size: '16MB' } },
    edit: (postgresql, _, __, folder) => {
      const archive = join(folder, 'archive');
      if (!existsSync(archive)) {
        mkdirSync(archive);
        giveToUnprivileged(archive);
      }
      Object.assign(postgresql['parameters'] as Section, {
        archive_mode: 'on',
        archive_command: `test ! -e ${folder}/closed && cp %p ${archive}/%f`,
        restore_command: `cp ${archive}/%f %p`,
      });
    },
  },
  async (cluster) => {
    const former = await cluster.leader();
    const archive = join(cluster.folder, 'archive');
    const senders = await cluster.sql(former, 'SELECT pid FROM pg_stat_replication');
    for (const { pid } of senders.rows) process.kill(Number(pid), 'SIGSTOP');
    // Segments and a checkpoint beyond the fork: pg_rewind has to read WAL from before this checkpoint.
    for (let at = 0; at < 3; at++) await cluster.sql(former, `CREATE TABLE lost_${at} AS SELECT 1; SELECT pg_switch_wal()`);
    await cluster.sql(former, 'CHECKPOINT');
    const { rows } = await cluster.sql(former, 'SELECT redo_wal_file AS name FROM pg_control_checkpoint()');
    const redo = String(rows[0]?.['name']);
    const segments = (): string[] => readdirSync(join(former.dataDir, 'pg_wal')).filter((name) => /^[0-9A-F]{24}$/.test(name));
    await waitFor('all before is archived', () => segments().every((name) => name >= redo || existsSync(join(archive, name))), 20_000);
    writeFileSync(join(cluster.folder, 'closed'), '');
    await cluster.sql(former, 'CREATE TABLE lost_last AS SELECT 1; SELECT pg_switch_wal()');
    former.kill();
    assert.ok(!existsSync(join(archive, redo)));
    for (const name of segments()) if (name < redo) rmSync(join(former.dataDir, 'pg_wal', name));
    const next = await waitFor('another member leads', async () => {
      const leader = await cluster.leader(1_000);
      return leader === former ? undefined : leader;
    });
    rmSync(join(cluster.folder, 'closed'));
    await writeSince(cluster, next);
    former.startAgent();
    await untilItFollows(cluster, former);
    assert.match(log(former), /doing crash recovery in a single user mode/);
    assert.match(log(former), /bytes of WAL after .* on timeline 1 are not part of the history of postgresql1/);
    assert.match(log(former), /Trying to fetch the missing wal/);
    assert.match(log(former), /pg_rewind exit code=0/);
    assert.ok(existsSync(join(archive, redo)), `${redo} was archived before the rewind`);
    await assert.rejects(cluster.sql(former, 'SELECT 1 FROM lost_last'), /does not exist/);
  },
);

rewindTest(
  'autofailover-1014: a replica that had gone ahead of the new leader is rewound',
  {
    members: 3,
    edit: (_, whole, index) => {
      // It gets everything and may not lead.
      if (index === 2) whole['tags'] = { nofailover: true };
    },
  },
  async (cluster) => {
    const [first, behind, ahead] = cluster.members;
    assert.ok(first !== undefined && behind !== undefined && ahead !== undefined);
    const receiver = processTree(behind.postmasterPid() ?? 0).find((pid) =>
      /walreceiver/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1')),
    );
    const { rows } = await cluster.sql(first, "SELECT pid FROM pg_stat_replication WHERE application_name = 'postgresql1'");
    process.kill(Number(rows[0]?.['pid']), 'SIGSTOP');
    assert.ok(receiver !== undefined);
    await cluster.sql(first, 'CREATE TABLE only_ahead AS SELECT 1');
    await waitFor('one replica has it', async () => (await cluster.sql(ahead, 'SELECT 1 FROM only_ahead')).rows.length === 1, 10_000);
    first.kill();
    await waitFor('the one that is behind leads', () => behind.isHealthy('/primary'), 30_000);
    await writeSince(cluster, behind);
    await untilItFollows(cluster, ahead);
    assert.match(log(ahead), /running pg_rewind from postgresql1/);
    await assert.rejects(cluster.sql(ahead, 'SELECT 1 FROM only_ahead'), /does not exist/);
    first.startAgent();
    await untilItFollows(cluster, first);
  },
);

/** A program in the place of pg_rewind; `real` is the path of the true one. */
function insteadOfPgRewind(folder: string, postgresql: Section, script: (real: string) => string): void {
  const file = join(folder, 'pg_rewind.sh');
  const real = join(String(postgresql['bin_dir'] ?? '/usr/bin'), 'pg_rewind');
  writeFileSync(file, `#!/bin/sh\nif [ "$1" = --help ]; then exit 0; fi\n${script(real)}\n`, { mode: 0o755 });
  postgresql['bin_name'] = { pg_rewind: `../../../../..${file}` };
}

rewindTest(
  'patroni-3648: a rewind that broke off half-way is never started, also after the agent died, until it is rebuilt',
  {
    edit: (postgresql, _, index, folder) => {
      if (index === 0) insteadOfPgRewind(folder, postgresql, () => 'echo "pg_rewind: need to copy 48 MB" >&2; kill -9 $$');
    },
  },
  async (cluster) => {
    const { former } = await loseLeader(cluster);
    former.startAgent();
    const marker = `${former.dataDir}.rewind-in-progress`;
    await waitFor('it is known', () => log(former).includes('Start refused'), 30_000);
    assert.ok(existsSync(marker));
    assert.equal(former.postmasterPid(), undefined);
    await former.stopAgent('SIGKILL');
    const before = log(former).length;
    former.startAgent();
    await waitFor('it is known by the next agent', () => log(former).slice(before).includes('Start refused'), 30_000);
    assert.equal(former.postmasterPid(), undefined);
    assert.ok(existsSync(join(former.dataDir, 'PG_VERSION')), 'nothing is deleted unasked');
    const { code, stdout, stderr } = await cluster.patronictl('reinit', 'batman', former.name, '--force');
    assert.equal(code, 0, stdout + stderr);
    await untilItFollows(cluster, former);
    assert.ok(!existsSync(marker));
  },
);

const BROKEN = (postgresql: Section, _: Section, index: number, folder: string): void => {
  if (index === 0) insteadOfPgRewind(folder, postgresql, () => 'echo "pg_rewind: error: no such luck" >&2; exit 1');
};

rewindTest(
  'pg_rewind fails against a healthy leader: the data stay unless remove_data_directory_on_rewind_failure is set',
  { edit: BROKEN },
  async (cluster) => {
    const { former } = await loseLeader(cluster);
    writeFileSync(join(former.dataDir, 'mine'), '');
    former.startAgent();
    await waitFor('it failed', () => log(former).includes('Failed to rewind from healthy primary'), 30_000);
    assert.ok(existsSync(join(former.dataDir, 'mine')), 'patroni-2302: nothing is removed unasked');
    const patch = { postgresql: { remove_data_directory_on_rewind_failure: true } };
    assert.equal((await cluster.rest(await cluster.leader(), 'PATCH', '/config', patch)).status, 200);
    await waitFor('it is known', () => log(former).includes('remove_data_directory_on_rewind_failure'), 5_000).catch(() => undefined);
    await former.stopAgent('SIGTERM');
    former.startAgent();
    await untilItFollows(cluster, former);
    assert.match(log(former), /remove_data_directory_on_rewind_failure is set. removing.../);
    assert.match(log(former), /Removing data directory: /);
    assert.ok(!existsSync(join(former.dataDir, 'mine')));
  },
);

rewindTest(
  'without pg_rewind: remove_data_directory_on_diverged_timelines makes a new copy of diverged data only',
  { dynamicPostgresql: { use_pg_rewind: false, remove_data_directory_on_diverged_timelines: true } },
  async (cluster) => {
    const { former, next } = await loseLeader(cluster);
    writeFileSync(join(former.dataDir, 'mine'), '');
    former.startAgent();
    await untilItFollows(cluster, former);
    assert.match(log(former), /remove_data_directory_on_diverged_timelines is set. removing.../);
    assert.match(log(former), /reinitializing due to diverged timelines/);
    assert.ok(!existsSync(join(former.dataDir, 'mine')));
    // A clean switchover leaves nothing that diverged.
    writeFileSync(join(next.dataDir, 'mine'), '');
    const { code, stdout, stderr } = await cluster.patronictl('switchover', '--leader', next.name, '--candidate', former.name, '--force');
    assert.equal(code, 0, stdout + stderr);
    await cluster.untilHealthy(30_000);
    assert.ok(existsSync(join(next.dataDir, 'mine')), 'a server that stopped cleanly keeps its data');
  },
);
