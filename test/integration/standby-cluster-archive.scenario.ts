import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { assertReadOnly, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { giveToUnprivileged } from './harness/unprivileged.js';
import { waitFor } from './harness/wait.js';

const archive = mkdtempSync(join(tmpdir(), 'patroni-archive-'));
chmodSync(archive, 0o755);
giveToUnprivileged(archive);
after(() => rmSync(archive, { recursive: true, force: true }));

const restoreCommand = `cp ${archive}/%f %p`;
const postgresql = {
  use_pg_rewind: true,
  parameters: {
    archive_mode: 'on',
    archive_command: `cp %p ${archive}/%f`,
    wal_retrieve_retry_interval: '500ms',
    max_connections: 50,
    shared_buffers: '16MB',
    wal_keep_size: '64MB',
  },
};

twoClusters(
  'a standby cluster that follows the archive alone: timelines, change of roles, nothing acknowledged is lost',
  { dynamic: { postgresql }, section: { restore_command: restoreCommand } },
  async ({ main, standby, writer }) => {
    const { status } = await standby.rest(await standby.leader(), 'PATCH', '/config', {
      standby_cluster: { host: null, port: null, primary_slot_name: null },
    });
    assert.equal(status, 200);
    await waitFor('archive recovery', async () => (await (await standby.leader()).status()).replication_state === 'in archive recovery');
    const next = async (): Promise<void> => {
      await main.sql(await main.leader(), 'SELECT pg_switch_wal()');
      await untilCaughtUp(standby, writer);
    };
    await writer.betweenRows(next);
    const first = await main.leader();
    assert.equal((await main.patronictl('switchover', '--force')).code, 0);
    await waitFor('another main leader', async () => (await main.leader()) !== first);
    await writer.untilWritten(10);
    await writer.betweenRows(next);
    await waitFor('timeline 2 on both', async () => (await standby.list()).every(({ TL }) => TL === 2));

    await main.untilHealthy();
    const { code, stderr } = await main.patronictl('demote-cluster', '--restore-command', restoreCommand, '--force');
    assert.equal(code, 0, stderr);
    await assertReadOnly(main);
    await waitFor('the last segment is archived', () => readdirSync(archive).some((name) => name.startsWith('00000002')));
    await untilCaughtUp(standby, writer);
    assert.equal((await standby.patronictl('promote-cluster', '--force')).code, 0);
    await writer.untilWritten(20);
    await writer.betweenRows(async () => {
      await standby.sql(await standby.leader(), 'SELECT pg_switch_wal()');
      await untilCaughtUp(main, writer);
    });
    await assertReadOnly(main);
  },
);
