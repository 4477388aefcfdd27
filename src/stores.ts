import type { Timings } from './cluster/dynamic-config.js';
import { ConfigError } from './config/errors.js';
import type { Clock } from './ports/clock.js';
import { type Dcs, DcsSettingError } from './ports/dcs.js';
import type { Log } from './ports/log.js';
import type { Random } from './ports/random.js';
import type { MemberSettings } from './ports/settings.js';

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
    default:
      throw new ConfigError([
        {
          path: kind,
          message: 'this store is not supported yet; supported: consul, etcd, etcd3, exhibitor, zookeeper',
          value: undefined,
        },
      ]);
  }
}
