import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isPlainObject } from '../base/python-values.js';
import { parseDsn } from './dsn.js';
import { effectiveSettings } from './effective.js';
import { type GenerateRequest, generateConfig } from './generate-config.js';
import { parseYaml } from './yaml.js';

test('connection strings: table', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['', {}],
    ["host=a port = 1 user='b c' password=x\\'y", { host: 'a', port: '1', user: 'b c', password: "x'y" }],
    ['postgres://u:p%40@h:1/db?sslmode=require', { user: 'u', password: 'p@', host: 'h', port: '1', dbname: 'db', sslmode: 'require' }],
    ['postgresql://a:1,[::1]:2', { host: 'a,::1', port: '1,2' }],
    ['postgresql:///db?host=/tmp', { host: '/tmp', dbname: 'db' }],
    ['nonsense', undefined],
    ['a=b c', undefined],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseDsn(text), expected, text);
});

function setUp(t: TestContext, superuser = 'on'): { request: GenerateRequest; asked: Record<string, string>[]; dataDir: string } {
  const dataDir = mkdtempSync(join(tmpdir(), 'patroni-data-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  writeFileSync(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n`);
  writeFileSync(join(dataDir, 'pg_hba.conf'), '# comment\nlocal all all trust\ninclude x\nnonsense\n  host all all 0.0.0.0/0 md5\n');
  writeFileSync(join(dataDir, 'pg_ident.conf'), '# nothing\n');
  const asked: Record<string, string>[] = [];
  const settings = {
    data_directory: dataDir,
    hba_file: join(dataDir, 'pg_hba.conf'),
    ident_file: join(dataDir, 'pg_ident.conf'),
    cluster_name: 'batman',
    listen_addresses: '*',
    port: '5433',
    max_connections: '200',
    wal_log_hints: 'on',
    archive_command: 'cp %p /x',
    work_mem: '8MB',
    primary_conninfo: 'password=x',
  };
  const request: GenerateRequest = {
    dsn: 'host=/tmp user=boss',
    environment: { PATRONI_ETCD3_HOST: 'a:1', PATRONI_RESTAPI_LISTEN: '*:8008', PGPORT: '6000' },
    askPassword: async () => 'typed',
    connect: async (parameters) => {
      asked.push({ ...parameters });
      return {
        close: () => {},
        query: async (sql) =>
          sql.includes('is_superuser')
            ? [{ super: superuser, version: '150004' }]
            : Object.entries(settings).map(([name, value]) => ({ name, value })),
      };
    },
  };
  return { request, asked, dataDir };
}

test('a running server is described', async (t) => {
  const { request, asked, dataDir } = setUp(t);
  const raw = parseYaml(await generateConfig(request));
  assert.ok(isPlainObject(raw));
  assert.equal(asked[0]?.['password'], 'typed');
  const { settings } = effectiveSettings(raw, {});
  const { postgresql } = settings;
  assert.equal(settings.scope, 'batman');
  assert.equal(postgresql.dataDir, dataDir);
  assert.equal(postgresql.listen, '*:5433');
  assert.match(postgresql.connectAddress ?? '', /:6000$/);
  assert.equal(postgresql.binDir, dirname(process.execPath));
  assert.deepEqual(postgresql.pgHba, ['local all all trust', 'host all all 0.0.0.0/0 md5']);
  assert.equal(postgresql.pgIdent, undefined);
  assert.equal(postgresql.parameters['archive_command'], 'cp %p /x');
  assert.deepEqual(postgresql.superuser, {
    username: 'boss',
    password: 'typed',
    sslmode: 'prefer',
    gssencmode: 'prefer',
    channel_binding: 'prefer',
  });
  assert.deepEqual(settings.bootstrap?.dcs['postgresql'], {
    use_slots: true,
    use_pg_rewind: true,
    parameters: { max_connections: '200', wal_log_hints: 'on', work_mem: '8MB' },
  });
});

test('what prevents a description is said', async (t) => {
  const { request, dataDir } = setUp(t);
  await assert.rejects(generateConfig({ ...request, dsn: 'nonsense' }), /^Error: Failed to parse DSN string$/);
  await assert.rejects(
    generateConfig({ ...request, connect: () => Promise.reject(new Error('no')) }),
    /Failed to establish PostgreSQL connection: no$/,
  );
  await assert.rejects(generateConfig(setUp(t, 'off').request), /does not have superuser privilege/);
  writeFileSync(join(dataDir, 'postmaster.pid'), 'x\n');
  await assert.rejects(generateConfig(request), /Failed to obtain postmaster pid from postmaster.pid file/);
});
