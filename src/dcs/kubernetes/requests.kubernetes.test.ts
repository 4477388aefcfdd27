import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kubeClient, LABELS } from '../../../test/support/kube-client.js';
import { startKubeProxy } from '../../../test/support/kube-proxy.js';
import { describeWithKube, startKube } from '../../../test/support/kube-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';

const call = { timeoutMs: milliseconds(3000) };
const CYCLES = 10;

/** What an idle cycle costs at Patroni: the leader's PATCH; nothing else, for nobody. */
describeWithKube('kubernetes: requests', () => {
  for (const isEndpoints of [false, true]) {
    test(`${isEndpoints ? 'Endpoints' : 'ConfigMaps'}: an idle cycle costs the leader one PATCH, and a replica nothing`, async (t) => {
      const server = await startKube();
      t.after(() => server.stop());
      const proxies = [await startKubeProxy(server.port), await startKubeProxy(server.port)] as const;
      const section = isEndpoints ? { use_endpoints: true, pod_ip: '10.1.0.4' } : {};
      const members = proxies.map(({ url }, i) => kubeClient(server, { name: `m${i}`, scope: 'demo', access: { url }, section }));
      t.after(async () => {
        for (const member of members) await member.close();
        for (const proxy of proxies) await proxy.close();
      });
      for (const i of members.keys()) await server.createPod(`m${i}`, { ...LABELS, 'cluster-name': 'demo' });
      const [leader, replica] = members;
      assert.ok(leader && replica);
      for (const member of members) await member.start();
      assert.equal(await leader.acquireLeaderLock(call), 'acquired');
      const cycle = async (): Promise<void> => {
        for (const [member, role] of [
          [leader, 'primary'],
          [replica, 'replica'],
        ] as const) {
          const view = await member.load(call);
          assert.equal(view.leader?.name, 'm0');
          if (member === leader) assert.equal(await member.renewLeaderLock(view.leader, call), 'renewed');
          assert.equal(await member.touchMember(`{"state":"running","role":"${role}"}`, undefined, call), true);
        }
      };
      for (const end = Date.now() + 15_000; ; await nodeClock.sleep(50)) {
        const watches = proxies.map(({ seen }) => seen.filter((name) => name.startsWith('WATCH')).length);
        if (watches.every((count) => count === 2)) break;
        assert.ok(Date.now() < end, 'the watches are not open');
      }
      await cycle();
      for (const proxy of proxies) proxy.forget();
      for (let i = 0; i < CYCLES; i += 1) await cycle();
      const kind = isEndpoints ? 'endpoints' : 'configmaps';
      assert.deepEqual(proxies[0].seen, Array(CYCLES).fill(`PATCH ${kind}`));
      assert.deepEqual(proxies[1].seen, []);
    });
  }
});
