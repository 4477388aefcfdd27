import type { Timings } from './cluster/dynamic-config.js';
import { ConfigError } from './config/errors.js';
import type { Clock } from './ports/clock.js';
import { type Dcs, DcsSettingError } from './ports/dcs.js';
import type { Log } from './ports/log.js';
import type { Random } from './ports/random.js';
import type { MemberSettings } from './ports/settings.js';

/** docs/stores/raft.md says more. */
const RAFT_REFUSED =
  "the store inside of Patroni's own processes is not supported: its protocol can be spoken by Python only, it is deprecated, and " +
  'it expires locks by clocks that may differ. Use etcd (section etcd3) on the same hosts, consul or kubernetes';

export interface StoreParts {
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type StoreOptions = StoreParts &
  Pick<MemberSettings, 'scope' | 'name' | 'namespace'> & {
    readonly section: MemberSettings['dcs']['section'];
    readonly isReadOnlyClient: boolean;
  };

/**
 * The store that the settings name; its client is loaded only now.
 * @throws ConfigError for a store without back end, or a section that it can't use.
 */
export async function loadStore(
  { dcs, scope, name, namespace }: Pick<MemberSettings, 'dcs' | 'scope' | 'name' | 'namespace'>,
  parts: StoreParts,
  isReadOnlyClient = false,
): Promise<Dcs> {
  const options = {
    section: dcs.section,
    scope,
    name,
    namespace,
    isReadOnlyClient,
    ...parts,
    log: parts.log.named(`patroni.dcs.${dcs.kind}`),
  };
  try {
    return await createStore(dcs.kind, options);
  } catch (error) {
    throw error instanceof DcsSettingError ? new ConfigError(error.message) : error;
  }
}

async function createStore(kind: MemberSettings['dcs']['kind'], options: StoreOptions): Promise<Dcs> {
  switch (kind) {
    case 'etcd3':
      return (await import('./dcs/etcd3/etcd3-dcs.js')).createEtcd3(options);
    case 'etcd':
      return (await import('./dcs/etcd2/etcd2-dcs.js')).createEtcd2(options);
    case 'consul':
      return (await import('./dcs/consul/consul-dcs.js')).createConsul(options);
    case 'zookeeper':
      return (await import('./dcs/zookeeper/zookeeper-dcs.js')).createZooKeeper(options);
    case 'exhibitor':
      return (await import('./dcs/zookeeper/zookeeper-dcs.js')).createExhibitor(options);
    case 'kubernetes':
      return openKubernetes(options);
    case 'raft':
      throw new ConfigError([{ path: 'raft', message: RAFT_REFUSED, value: undefined }]);
  }
}

type KubernetesParts = Parameters<typeof import('./dcs/kubernetes/kubernetes-dcs.js')['createKubernetes']>[0];

async function openKubernetes(options: Omit<KubernetesParts, 'surroundings'>): Promise<Dcs> {
  const { createKubernetes } = await import('./dcs/kubernetes/kubernetes-dcs.js');
  const { parseYaml } = await import('./config/yaml.js');
  return createKubernetes({ ...options, surroundings: { environment: process.env, parseYaml } });
}
