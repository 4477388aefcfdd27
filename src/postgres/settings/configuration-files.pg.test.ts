import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../../test/support/free-port.js';
import { binDir, initdb, memoryLog, postgresSettings, whyNoPostgres } from '../../../test/support/postgres-server.js';
import { scratch } from '../../../test/support/scratch.js';
import { ConfigurationFiles } from './configuration-files.js';
import { Parameters } from './parameters.js';
import { commandLine, computeServerParameters } from './server-parameters.js';

test('a real server accepts the files and shows our values', { skip: whyNoPostgres() ?? false, timeout: 60_000 }, async () => {
  const dataDir = join(scratch(), 'n1');
  initdb(dataDir);
  const port = await freePort();
  const tool = (name: string): string => join(binDir() ?? '', name);
  const majorVersion = Number(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8')) * 10_000;
  const base = {
    ...postgresSettings(dataDir, port),
    configDir: dataDir,
    configBaseName: 'postgresql',
    listen: `127.0.0.1:${port}`,
    pgHba: ['local all all trust'],
  };
  const settings = {
    ...base,
    parameters: {
      max_connections: 50,
      wal_level: 'hot_standby',
      log_line_prefix: "it's \\%m",
      work_mem: '1kB',
      unix_socket_directories: dataDir,
    },
  };
  const { parameters } = computeServerParameters({
    settings,
    scope: 'demo',
    majorVersion,
    role: 'primary',
    synchronousMode: 'off',
    synchronousStandbyNames: undefined,
    strict: false,
  });
  writeFileSync(join(dataDir, 'postgresql.auto.conf'), "primary_conninfo = 'x'\nlog_checkpoints = 'on'\n");
  const files = new ConfigurationFiles(settings, memoryLog([]), 0o022);
  await files.writeServerFile({ parameters, majorVersion, recovery: new Map(), fullVersion: majorVersion, available: undefined });
  await files.writeHba(parameters, 'primary');
  await files.saveFiles(new Parameters());
  assert.equal(readFileSync(join(dataDir, 'postgresql.auto.conf'), 'utf8'), "log_checkpoints = 'on'\n");
  assert.ok(existsSync(join(dataDir, 'postgresql.base.conf')) && existsSync(join(dataDir, 'pg_hba.conf.backup')));

  const options = [`--config-file=${files.serverFile}`, ...commandLine(parameters)].join(' ');
  execFileSync(tool('pg_ctl'), ['-D', dataDir, '-w', '-l', join(dataDir, 'log'), '-o', options, 'start'], { stdio: 'ignore' });
  after(() => execFileSync(tool('pg_ctl'), ['-D', dataDir, '-m', 'immediate', 'stop'], { stdio: 'ignore' }));
  const show = (name: string): string =>
    execFileSync(tool('psql'), ['-h', dataDir, '-p', String(port), '-U', 'postgres', '-d', 'postgres', '-Atc', `SHOW ${name}`], {
      encoding: 'utf8',
    }).replace(/\n$/, '');
  assert.deepEqual(['max_connections', 'wal_level', 'log_line_prefix', 'work_mem', 'cluster_name', 'wal_keep_size', 'hba_file'].map(show), [
    '50',
    'replica',
    "it's \\%m",
    '64kB',
    'demo',
    '128MB',
    files.hbaFile,
  ]);
});
