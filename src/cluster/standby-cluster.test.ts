import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseStandbyCluster, remoteConnUrl, standbyClusterProblems } from './standby-cluster.js';

const urlOf = (section: Readonly<Record<string, unknown>>): string | undefined => {
  const parsed = parseStandbyCluster(section);
  return parsed === undefined ? undefined : remoteConnUrl(parsed);
};

describe('where the remote servers are', () => {
  for (const [section, expected] of [
    [{ host: 'a' }, 'postgres://a:5432'],
    [{ host: 'a', port: 5433 }, 'postgres://a:5433'],
    [{ host: 'a, b', port: '5433' }, 'postgres://a:5433,b:5433'],
    [{ host: 'a,b', port: '5433,5434' }, 'postgres://a:5433,b:5434'],
    [{ host: 'a:1,b', port: 5433 }, 'postgres://a:1,b:5433'],
    [{ host: '10.0.0.1' }, 'postgres://10.0.0.1:5432'],
    [{ host: '::1,fe80::2', port: 5433 }, 'postgres://[::1]:5433,[fe80::2]:5433'],
    [{ host: '[::1]:7' }, 'postgres://[::1]:7'],
    [{ host: '/run/postgresql' }, 'postgres://%2Frun%2Fpostgresql:5432'],
    [{ restore_command: 'cp' }, undefined],
    [{ port: 5433 }, undefined],
    [{ host: 'a', port: 'x' }, undefined],
    [{ host: 'a', port: 70_000 }, undefined],
    [{ host: 'a,b,c', port: '1,2' }, undefined],
    [{ host: 'a,,b' }, undefined],
    [{ host: 'a b' }, undefined],
    [{ host: 'user:secret@a' }, undefined],
  ] as const) {
    test(JSON.stringify(section), () => assert.equal(urlOf(section), expected));
  }
});

describe('what is wrong with the section', () => {
  for (const [section, expected] of [
    [undefined, undefined],
    [null, undefined],
    [{}, undefined],
    [{ host: 'a', port: 5432, primary_slot_name: 's', recovery_min_apply_delay: '5min', create_replica_methods: ['x'] }, undefined],
    [{ restore_command: 'cp', archive_cleanup_command: 'rm' }, undefined],
    ['far', /it has to be a mapping/],
    [{ primary_slot_name: 's' }, /names neither host, port nor restore_command/],
    [{ hots: 'a' }, /standby_cluster.hots is no known setting/],
    [{ host: 'a', port: 'x' }, /'x' is no port number: nobody can be followed/],
    [{ host: 'a', port: 0, restore_command: 'cp' }, undefined],
    [{ host: 'a', port: '0', restore_command: 'cp' }, /'0' is no port number: only the archive is followed/],
    [{ port: 5432 }, /port without host says nothing/],
    [{ host: 'a,,b' }, /empty name/],
    [{ host: 'a,b,c', port: '1,2' }, /2 numbers for 3 hosts/],
    [{ host: 'a', create_replica_methods: 'x' }, /has to be a list/],
  ] as const) {
    test(JSON.stringify(section) ?? 'undefined', () => {
      const text = standbyClusterProblems(section).join('\n');
      if (expected === undefined) assert.equal(text, '');
      else assert.match(text, expected);
    });
  }

  test('a password in the wrong place is not repeated', () => {
    const text = standbyClusterProblems({ host: 'user:secret@a' }).join('\n');
    assert.match(text, /host names only/);
    assert.doesNotMatch(text, /secret/);
  });
});

test('without methods a copy is made by pg_basebackup', () => {
  assert.deepEqual(parseStandbyCluster({ host: 'a' })?.createReplicaMethods, ['basebackup']);
  assert.deepEqual(parseStandbyCluster({ host: 'a', create_replica_methods: ['w'] })?.createReplicaMethods, ['w']);
});
