import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterView } from '../../cluster/view.js';
import { LeaderEndpoint } from './leader-endpoint.js';
import { isNewer, type KubeObject, parseObject } from './objects.js';
import { failoverAnnotations, failsafeAnnotations, keysOf, objectNames, statusAnnotations, syncAnnotations } from './stored-keys.js';

const names = objectNames('demo', false);

function object(name: string, annotations: Readonly<Record<string, string>>, more: Readonly<Record<string, unknown>> = {}): KubeObject {
  return parseObject({ metadata: { name, resourceVersion: '5', annotations }, ...more } as never);
}

test('names of objects', () => {
  assert.deepEqual(names, { leader: 'demo-leader', config: 'demo-config', failover: 'demo-failover', sync: 'demo-sync' });
  assert.deepEqual(objectNames('demo/2', true), {
    leader: 'demo-2',
    config: 'demo-2-config',
    failover: 'demo-2-failover',
    sync: 'demo-2-sync',
  });
});

test("what is written is Patroni's, byte for byte", () => {
  assert.deepEqual(statusAnnotations('{"optime":9223372036854775807,"slots":{"b":67395656},"retain_slots":["a","b"]}'), {
    optime: '9223372036854775807',
    slots: '{"b":67395656}',
    retain_slots: '["a", "b"]',
  });
  assert.deepEqual(statusAnnotations('{"optime":1}'), { optime: '1', slots: null, retain_slots: null });
  const sync = { leader: 'a', sync_standby: null, quorum: '0' };
  assert.deepEqual(syncAnnotations('{"leader":"a","sync_standby":null,"quorum":0}'), { ...sync, rewritten: null });
  assert.deepEqual(syncAnnotations('{"leader":"a","sync_standby":null,"quorum":0} '), { ...sync, rewritten: 'true' });
  assert.deepEqual(failoverAnnotations('{}'), { leader: null, member: null, scheduled_at: null });
  assert.deepEqual(failoverAnnotations('{"member":"b","scheduled_at":"2031-05-04T03:00:00+02:00"}'), {
    leader: null,
    member: 'b',
    scheduled_at: '2031-05-04T03:00:00+02:00',
  });
  assert.deepEqual(failsafeAnnotations('{"a":"http://h/patroni"}'), { failsafe: '{"a":"http://h/patroni"}' });
  assert.deepEqual(failsafeAnnotations('{}'), { failsafe: null });
});

test('what Patroni wrote is read', () => {
  const view = parseClusterView([
    ...keysOf(
      object('demo-leader', { leader: 'a', optime: '12', slots: '{"a": 5}', retain_slots: '["x", "y"]', failsafe: '{"a": "u"}' }),
      names,
    ),
    ...keysOf(object('demo-config', { initialize: '7391028445120093121', config: '{"ttl": 30}' }), names),
    ...keysOf(object('demo-sync', { leader: 'a', sync_standby: 'b,c', quorum: '1' }), names),
    ...keysOf(object('demo-failover', {}), names),
    ...keysOf(object('other', { leader: 'x' }), names),
  ]);
  assert.equal(view.leader?.name, 'a');
  assert.deepEqual([view.status.lastLsn, view.status.slots?.get('a'), view.status.retainSlots], [12n, 5n, ['x', 'y']]);
  assert.deepEqual([view.sync.voters, view.sync.quorum, view.sync.version], [['b', 'c'], 1, '5']);
  assert.equal(view.initialize, '7391028445120093121');
  assert.equal(view.failover, undefined);
  assert.deepEqual([view.history?.lines, view.history?.isMalformed], [[], false], 'an object without history is that of timeline 1');
  assert.equal(view.failsafe?.get('a'), 'u');
});

test('versions are compared as numbers of any length; others only differ', () => {
  assert.equal(isNewer('10', '9'), true);
  assert.equal(isNewer('18446744073709551616', '18446744073709551615'), true);
  assert.equal(isNewer('9', '10'), false);
  assert.equal(isNewer('b', 'a'), true);
  assert.equal(isNewer('a', 'a'), false);
});

test("the leader's endpoint is written when address or ports differ, and the reference to the pod is kept", () => {
  const pod = object(
    'a',
    {},
    { metadata: { name: 'a', uid: 'u1', resourceVersion: '9' }, spec: { nodeName: 'n1' }, status: { podIP: '10.0.0.9' } },
  );
  const options = { name: 'a', namespace: 'ns', ports: [{ port: 5432, name: 'postgresql' }], podIp: undefined, ownPod: () => pod };
  const endpoint = new LeaderEndpoint(options);
  const address = {
    ip: '10.0.0.9',
    nodeName: 'n1',
    targetRef: { kind: 'Pod', uid: 'u1', namespace: 'ns', name: 'a', resourceVersion: '9' },
  };
  const subset = { addresses: [address], ports: [{ port: 5432, name: 'postgresql' }] };
  assert.deepEqual(endpoint.subsetsFor(undefined), [subset]);
  const written = { ...subset, ports: [{ port: 5432, name: 'postgresql', protocol: 'TCP' }] };
  assert.equal(endpoint.subsetsFor(object('demo', {}, { subsets: [written] })), undefined);
  const oldReference = { ...address, targetRef: { ...address.targetRef, resourceVersion: '3' } };
  const otherPort = { addresses: [oldReference], ports: [{ port: 1, name: 'postgresql', protocol: 'TCP' }] };
  assert.deepEqual(endpoint.subsetsFor(object('demo', {}, { subsets: [otherPort] })), [{ ...subset, addresses: [oldReference] }]);
  const other = { ...written, addresses: [{ ...address, ip: '10.0.0.8' }] };
  assert.deepEqual(endpoint.subsetsFor(object('demo', {}, { subsets: [other] })), [subset]);
  assert.equal(new LeaderEndpoint({ ...options, ownPod: () => undefined }).subsetsFor(undefined), undefined, 'no address is known');
  assert.deepEqual(new LeaderEndpoint({ ...options, podIp: '10.0.0.7', ownPod: () => undefined }).subsetsFor(undefined), [
    { addresses: [{ ip: '10.0.0.7' }], ports: [{ port: 5432, name: 'postgresql' }] },
  ]);
});
