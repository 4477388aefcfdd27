import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { addressRecord, serviceRecord, startFakeDns } from '../../../test/support/fake-dns.js';
import { nodeClock } from '../../platform/node-clock.js';
import { createLookup, resolveService } from './dns.js';

function look(lookup: LookupFunction, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    lookup(name, {}, (error, address) => (error === null ? resolve(String(address)) : reject(error)));
  });
}

test('a name is looked up; while DNS is silent the last good address is used soon', async (t) => {
  const dns = await startFakeDns();
  t.after(() => dns.close());
  dns.records.set('A etcd.example', [addressRecord('10.0.0.7')]);
  const lookup = createLookup({ clock: nodeClock, servers: [dns.server], hostsFile: '/nonexistent' });
  assert.equal(await look(lookup, 'etcd.example'), '10.0.0.7');
  await assert.rejects(look(lookup, 'other.example'), { code: 'ENOTFOUND' });
  dns.isSilent = true;
  const started = performance.now();
  assert.equal(await look(lookup, 'etcd.example'), '10.0.0.7');
  assert.ok(performance.now() - started < 900);
});

test('targets of a service, best first; silence is no target, in time', async (t) => {
  const dns = await startFakeDns();
  t.after(() => dns.close());
  dns.records.set('SRV _etcd-client._tcp.example', [serviceRecord(2, 1, 9, 'c.example'), serviceRecord(1, 5, 8, 'b.example')]);
  const options = { clock: nodeClock, timeoutMs: 300, servers: [dns.server] };
  assert.deepEqual(await resolveService('_etcd-client._tcp.example', options), [
    { host: 'b.example', port: 8 },
    { host: 'c.example', port: 9 },
  ]);
  assert.deepEqual(await resolveService('_etcd._tcp.example', options), []);
  dns.isSilent = true;
  const started = performance.now();
  assert.deepEqual(await resolveService('_etcd-client._tcp.example', options), []);
  assert.ok(performance.now() - started < 600);
});
