import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Member } from './harness/member.js';
import { TestCluster } from './harness/test-cluster.js';
import { giveToUnprivileged } from './harness/unprivileged.js';
import { waitFor } from './harness/wait.js';

const PRIVATE = 'FULL_DISK_PRIVATE_MOUNTS';
/** Mounts of our own, in a user namespace of our own, so that nobody needs to be root. */
const NAMESPACES = ['--user', '--map-current-user', '--keep-caps', '--mount'];
const LIMIT_MS = 150_000;
const SIZE_MB = 160;

const dynamic = {
  ttl: 20,
  loop_wait: 1,
  retry_timeout: 3,
  primary_useless_timeout: 5,
  postgresql: {
    use_pg_rewind: true,
    use_slots: true,
    parameters: { max_connections: 50, shared_buffers: '16MB', min_wal_size: '32MB', max_wal_size: '48MB', wal_keep_size: '16MB' },
  },
};

const filler = (member: Member): string => join(member.dataDir, 'filler');

/** The server writes meanwhile: what was free a moment ago may not be any more. */
function fill(member: Member, attempts = 10): void {
  const { bavail, bsize } = statfsSync(member.dataDir);
  try {
    execFileSync('fallocate', ['-l', String(bavail * bsize), filler(member)], { stdio: 'pipe' });
  } catch (error) {
    if (attempts === 1) throw error;
    free(member);
    fill(member, attempts - 1);
  }
}

const free = (member: Member): void => rmSync(filler(member), { force: true });

/** Every member has a small file system of its own, which is full when we say so. */
async function body(): Promise<void> {
  const cluster = await TestCluster.prepare({ dynamic });
  let hasFailed = true;
  try {
    for (const member of cluster.members) {
      mkdirSync(member.dataDir);
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m,mode=0700`, 'tmpfs', member.dataDir]);
      giveToUnprivileged(member.dataDir);
    }
    for (const member of cluster.members) member.startAgent();
    await cluster.untilHealthy();
    const writer = await cluster.startWriter();
    await writer.untilWritten(20);

    // cnpg-4521: full everywhere. Nobody is better off, so nothing moves.
    const leader = await cluster.leader();
    for (const member of cluster.members) fill(member);
    await waitFor(
      'the leader says that everybody is full',
      () => /takes no writes \(disk-full\), but continuing because failover is not possible/.test(leader.agent.tail(400)),
      40_000,
    );
    assert.match(leader.agent.tail(5_000), /The disk of member postgresql\d is full as well|Member postgresql\d is not reachable/);
    assert.ok(await leader.isHealthy('/primary'));
    assert.equal((JSON.parse((await cluster.rest(leader, 'GET', '/patroni')).body) as { disk_full?: boolean }).disk_full, true);
    for (const member of cluster.members) free(member);
    await writer.untilWritten(20);
    await cluster.untilHealthy();
    assert.equal(await cluster.leader(), leader);

    // patroni-1732: full only here. Another member has room.
    await waitFor('nobody is full any more', async () => {
      const answers = await Promise.all(cluster.members.map(async (each) => (await cluster.rest(each, 'GET', '/patroni')).body));
      return answers.every((answer) => !answer.includes('disk_full'));
    });
    fill(leader);
    await waitFor('another member leads', async () => (await cluster.leader()) !== leader, 60_000);
    await writer.untilWritten(20);
    free(leader);
    await cluster.untilHealthy();
    await writer.stop();
    await writer.assertNoAcknowledgedRowMissing();
    hasFailed = false;
  } finally {
    await Promise.allSettled(cluster.members.map((member) => member.remove()));
    for (const member of cluster.members) execFileSync('umount', ['--lazy', member.dataDir]);
    await cluster.stop({ hasFailed });
  }
}

/** Mounts are made in a mount namespace of our own, which ends with its last process. */
function inPrivateMounts(): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...NAMESPACES, process.execPath, fileURLToPath(import.meta.url)], {
      env: { ...process.env, [PRIVATE]: '1', NODE_TEST_CONTEXT: '' },
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: LIMIT_MS,
    });
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

function canMount(): boolean {
  try {
    execFileSync('unshare', [...NAMESPACES, 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

if (process.env[PRIVATE] === '1') await body();
else {
  const skip = canMount() ? false : 'needs the right to mount';
  void test('full disks: full everywhere, nothing moves; full only here, another member leads', { skip, timeout: LIMIT_MS }, async () => {
    assert.equal(await inPrivateMounts(), 0);
  });
}
