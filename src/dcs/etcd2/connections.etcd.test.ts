import { etcdConnections } from '../../../test/contract/etcd-connections.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createEtcd2 } from './etcd2-dcs.js';

etcdConnections('etcd', {
  extraArguments: ['--enable-v2'],
  client: (name, section, timings, resolveService) =>
    createEtcd2({
      ...{ section, timings, scope: 'demo', name, namespace: 'service', clock: nodeClock, random: nodeRandom, log: silentLog },
      ...(resolveService && { resolveService }),
    }),
});
