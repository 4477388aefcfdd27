import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EtcdErrorKind, errorOf } from './errors.js';

const CASES: readonly (readonly [status: number, body: string, kind: EtcdErrorKind | undefined])[] = [
  [200, '{"header":{},"succeeded":true}', undefined],
  [200, '{"result":{"created":true}}', undefined],
  [404, '{"error":"etcdserver: requested lease not found","code":5}', 'lease-not-found'],
  [400, '{"error":"etcdserver: user name is empty","code":3}', 'auth'],
  [400, '{"error":"etcdserver: authentication failed, invalid user ID or password","code":3}', 'auth-failed'],
  [400, '{"error":"etcdserver: revision of auth store is old","code":3}', 'auth'],
  [403, '{"error":"etcdserver: permission denied","code":7}', 'auth'],
  [400, '{"error":"etcdserver: authentication is not enabled","code":9}', 'auth-off'],
  [401, '{"error":"etcdserver: invalid auth token","code":16}', 'auth'],
  [504, '{"error":"context deadline exceeded","code":4}', 'repeat'],
  [503, '{"error":"etcdserver: no leader","code":14}', 'unavailable'],
  [503, '{"error":"whatever","code":14}', 'unavailable'],
  [500, '{"error":"not a primary lessor","code":2}', 'unavailable'],
  [400, '{"error":"etcdserver: something else","code":9}', 'repeat'],
  [400, '{"error":"unknown field","code":3}', 'refused'],
  [500, '{"error":"etcdserver: mvcc: database space exceeded","code":8}', 'refused'],
  [200, '{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}}', 'unavailable'],
  [200, '{"error":{"code":16,"message":"etcdserver: invalid auth token"}}', 'auth'],
  [502, '<html>Bad Gateway</html>', 'unavailable'],
  [400, 'CommonName of client sending a request against gateway will be ignored', 'unavailable'],
  [200, '', 'unavailable'],
  [500, '{}', 'unavailable'],
];

for (const [status, body, kind] of CASES) {
  test(`${status} ${body.slice(0, 60)} is ${kind ?? 'a success'}`, () => assert.equal(errorOf(status, body)?.kind, kind));
}
