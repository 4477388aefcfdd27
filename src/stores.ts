import type { Timings } from './cluster/dynamic-config.js';
import { ConfigError } from './config/errors.js';
import type { Clock } from './ports/clock.js';
import type { Dcs } from './ports/dcs.js';
import type { Log } from './ports/log.js';
import type { Random } from './ports/random.js';
import type { MemberSettings } from './ports/settings.js';

export interface StoreParts {
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The store that the settings name; its client is loaded only now.
 * @throws ConfigError for a store without back end.
 */
export async function loadStore(
  { dcs, scope, name, namespace }: MemberSettings,
  parts: StoreParts,
  isReadOnlyClient = false,
): Promise<Dcs> {
  if (dcs.kind !== 'etcd3') {
    throw new ConfigError([{ path: dcs.kind, message: 'this store is not supported yet; supported: etcd3', value: undefined }]);
  }
  const { createEtcd3 } = await import('./dcs/etcd3/etcd3-dcs.js');
  const log = parts.log.named('patroni.dcs.etcd3');
  return createEtcd3({ section: dcs.section, scope, name, namespace, isReadOnlyClient, ...parts, log });
}
