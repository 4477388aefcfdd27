import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../../../test/support/scratch.js';
import type { Log } from '../../ports/log.js';
import { isDataDirectoryEmpty } from '../control-data/data-directory.js';
import { wasRewindInterrupted, writeRewindMarker } from '../rewind/marker.js';
import { appendBootstrapHba } from './bootstrap-hba.js';
import { moveDataDirectoryAside, removeDataDirectory } from './data-directory.js';
import { rewindGrants, roleStatement } from './roles.js';

const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warning: quiet, error: quiet, critical: quiet, named: () => log };

/** A data directory whose WAL and one tablespace are elsewhere. */
function withLinks(): { root: string; data: string } {
  const root = scratch();
  const data = join(root, 'data');
  for (const folder of ['data/pg_tblspc', 'data/global', 'wal', 'space/PG_15']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(data, 'global', 'pg_control'), '');
  writeFileSync(join(root, 'wal', 'segment'), '');
  symlinkSync(join(root, 'wal'), join(data, 'pg_wal'));
  symlinkSync(join(root, 'space'), join(data, 'pg_tblspc', '16385'));
  return { root, data };
}

test('what counts as empty', async () => {
  const data = join(scratch(), 'data');
  assert.equal(await isDataDirectoryEmpty(data), true);
  mkdirSync(join(data, '.snapshot'), { recursive: true });
  mkdirSync(join(data, 'lost+found'));
  assert.equal(await isDataDirectoryEmpty(data), true);
  mkdirSync(join(data, 'base'));
  assert.equal(await isDataDirectoryEmpty(data), false);
});

test('removal follows the links', async () => {
  const { root, data } = withLinks();
  assert.equal(await writeRewindMarker(data), true);
  await removeDataDirectory(data, log);
  for (const name of ['data', 'wal', 'space']) assert.equal(existsSync(join(root, name)), false, name);
  assert.equal(await wasRewindInterrupted(data), false);
});

test('a data directory that is a link loses only the link', async () => {
  const { root, data } = withLinks();
  const link = join(root, 'link');
  symlinkSync(data, link);
  await removeDataDirectory(link, log);
  assert.equal(existsSync(link), false);
  assert.equal(existsSync(join(data, 'global', 'pg_control')), true);
});

test('moving aside replaces an earlier failure and points the links there', async () => {
  const { root, data } = withLinks();
  mkdirSync(join(root, 'data.failed', 'old'), { recursive: true });
  await moveDataDirectoryAside(`${data}/`, log);
  assert.equal(existsSync(data), false);
  assert.equal(existsSync(join(root, 'data.failed', 'old')), false);
  assert.equal(readlinkSync(join(root, 'data.failed', 'pg_wal')), join(root, 'wal.failed'));
  assert.equal(existsSync(join(root, 'data.failed', 'pg_wal', 'segment')), true);
  assert.equal(readlinkSync(join(root, 'data.failed', 'pg_tblspc', '16385')), join(root, 'space.failed'));
});

test('a data directory that can not be renamed is not started or adopted any more (crunchy-containers-1297)', async () => {
  // Its name leaves no room for the ending, as a mount point refuses to be renamed.
  const data = join(scratch(), 'd'.repeat(252));
  mkdirSync(join(data, 'global'), { recursive: true });
  writeFileSync(join(data, 'global', 'pg_control'), 'control');
  writeFileSync(join(data, 'PG_VERSION'), '15');
  await moveDataDirectoryAside(data, log);
  assert.equal(existsSync(join(data, 'global', 'pg_control')), false);
  assert.equal(readFileSync(join(data, 'global', 'pg_control.failed'), 'utf8'), 'control');
  assert.equal(await isDataDirectoryEmpty(data), false);
  assert.equal(readFileSync(join(data, 'PG_VERSION'), 'utf8'), '15');
});

test('a removal that breaks off leaves nothing that starts (canonical-1152)', async () => {
  const { data } = withLinks();
  rmSync(join(data, 'pg_tblspc'), { recursive: true });
  // A link to itself can't be read.
  symlinkSync(join(data, 'pg_tblspc'), join(data, 'pg_tblspc'));
  await removeDataDirectory(data, log);
  assert.equal(existsSync(join(data, 'pg_wal', 'segment')), true);
  assert.deepEqual(readdirSync(join(data, 'global')), []);
});

test('hba lines are appended with a blank line before', async () => {
  const file = join(scratch(), 'pg_hba.conf');
  writeFileSync(file, 'local all all trust\n');
  await appendBootstrapHba(file, ['host all all 0.0.0.0/0 md5', 'host replication r all md5']);
  assert.equal(readFileSync(file, 'utf8'), 'local all all trust\n\nhost all all 0.0.0.0/0 md5\nhost replication r all md5\n');
});

test('a role statement quotes name and password, and keeps its dollar quote', () => {
  const text = roleStatement({ name: 'a"b', password: "x$patroni0$'\\", attributes: ['REPLICATION'] });
  assert.ok(text.startsWith('DO $patroni1$') && text.endsWith('$patroni1$'));
  assert.ok(text.includes(`ROLE "a""b" WITH LOGIN REPLICATION PASSWORD  E'x$patroni0$''\\\\'`), text);
  assert.ok(!roleStatement({ name: 'a', password: undefined, attributes: ['NOLOGIN'] }).includes(' LOGIN'));
  assert.equal(rewindGrants('r').length, 4);
});
