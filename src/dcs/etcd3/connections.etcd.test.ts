import { etcdConnections } from '../../../test/contract/etcd-connections.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createEtcd3 } from './etcd3-dcs.js';

etcdConnections('etcd3', {
  extraArguments: [],
  client: (name, section, timings, resolveService) =>
    createEtcd3({
      ...{ section, timings, scope: 'demo', name, namespace: 'service', clock: nodeClock, random: nodeRandom, log: silentLog },
      ...(resolveService && { resolveService }),
    }),
});
