import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isPlainObject } from '../base/python-values.js';
import { effectiveSettings } from './effective.js';
import { generateSample } from './generate-sample.js';
import { parseYaml } from './yaml.js';

test('the sample carries the environment, fits the installed version and can be used', async (t) => {
  const bin = mkdtempSync(join(tmpdir(), 'patroni-bin-'));
  t.after(() => rmSync(bin, { recursive: true }));
  writeFileSync(join(bin, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 12.20"\n', { mode: 0o755 });
  const text = await generateSample({
    PATH: '/bin',
    PATRONI_SCOPE: 'batman',
    PATRONI_POSTGRESQL_BIN_DIR: bin,
    PATRONI_ETCD3_HOST: 'a:2379',
    PATRONI_RESTAPI_LISTEN: '*:8008',
    PATRONI_REPLICATION_USERNAME: 'rep',
  });
  const raw = parseYaml(text);
  assert.ok(isPlainObject(raw));
  const { settings, warnings } = effectiveSettings(raw, {});
  assert.deepEqual(warnings, []);
  assert.equal(settings.scope, 'batman');
  assert.deepEqual(settings.postgresql.pgHba, ['host all all all scram-sha-256', 'host replication rep all scram-sha-256']);
  const dcs = settings.bootstrap?.dcs['postgresql'];
  assert.ok(isPlainObject(dcs) && isPlainObject(dcs['parameters']));
  assert.equal(dcs['parameters']['wal_keep_segments'], 8);
  assert.equal(dcs['use_pg_rewind'], true);
  assert.match(text, /^ {2}dcs:\n {4}loop_wait: 10\n {4}retry_timeout: 10\n {4}ttl: 30\n/m);
  assert.ok(!text.endsWith('\n'));
});

test('without PostgreSQL there is no sample', async () => {
  await assert.rejects(generateSample({ PATH: '/none' }), /^Error: Failed to get postgres version: no executable 'postgres' in '\$PATH'/);
});
