import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommonSettings, parseEnsemble } from './settings.js';

test('hosts: list, text, path at the end, ports, IPv6', () => {
  const servers = [
    { host: 'a', port: 2181 },
    { host: 'b', port: 2182 },
  ];
  assert.deepEqual(parseEnsemble(['a', 'b:2182']), { servers, chroot: '' });
  assert.deepEqual(parseEnsemble('a, b:2182/ha//pg/'), { servers, chroot: '/ha/pg' });
  assert.deepEqual(parseEnsemble(['a', 'b:2182/ha']), { servers, chroot: '/ha' });
  assert.deepEqual(parseEnsemble('[::1]:2183,::1').servers, [
    { host: '::1', port: 2183 },
    { host: '::1', port: 2181 },
  ]);
  for (const hosts of [undefined, '', [], '/only/a/path', 'a:99999', 'a:x']) assert.throws(() => parseEnsemble(hosts), /zookeeper\.hosts/);
});

test('set_acls: scheme before the first colon, x509 without one, any case of permissions', () => {
  const { acl, credentials } = parseCommonSettings(
    { set_acls: { CN_user: ['create', 'READ'], 'digest:u:hash=': ['all'] }, auth_data: { digest: 'u:p' } },
    'zookeeper',
  );
  assert.deepEqual(acl, [
    { permissions: 5, scheme: 'x509', id: 'CN_user' },
    { permissions: 31, scheme: 'digest', id: 'u:hash=' },
  ]);
  assert.deepEqual(credentials, [{ scheme: 'digest', secret: 'u:p' }]);
  assert.deepEqual(parseCommonSettings({}, 'zookeeper').acl, [{ permissions: 31, scheme: 'world', id: 'anyone' }]);
});

test('what can not be used is named, with what is allowed, and without secrets', () => {
  const refusal = (section: Record<string, unknown>): string => {
    try {
      parseCommonSettings(section, 'exhibitor');
    } catch (error) {
      return String(error);
    }
    return 'accepted';
  };
  assert.match(refusal({ set_acls: { u: ['OWN'] } }), /exhibitor\.set_acls\.u: OWN is not one of READ, WRITE, CREATE, DELETE, ADMIN, ALL/);
  assert.match(refusal({ set_acls: { u: 'ALL' } }), /exhibitor\.set_acls\.u/);
  assert.match(refusal({ auth_data: { sasl: 'secret' } }), /exhibitor\.auth_data\.sasl: this scheme is not supported; use digest/);
  assert.match(refusal({ auth_data: 'digest:secret' }), /exhibitor\.auth_data/);
  assert.match(refusal({ sasl_options: {} }), /exhibitor\.sasl_options: SASL is not supported/);
  assert.match(refusal({ use_ssl: true, cacert: '/nonexistent' }), /exhibitor\.cacert: .*ENOENT/);
  for (const section of [{ auth_data: { sasl: 'secret' } }, { auth_data: 'digest:secret' }])
    assert.doesNotMatch(refusal(section), /secret/);
});
