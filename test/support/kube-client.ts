import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { milliseconds } from '../../src/base/duration.js';
import type { Timings } from '../../src/cluster/dynamic-config.js';
import { parseYaml } from '../../src/config/yaml.js';
import { createKubernetes } from '../../src/dcs/kubernetes/kubernetes-dcs.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import { nodeRandom } from '../../src/platform/node-random.js';
import type { Dcs } from '../../src/ports/dcs.js';
import type { Log } from '../../src/ports/log.js';
import type { KubeconfigOptions, KubeServer } from './kube-server.js';
import { silentLog } from './silent-log.js';

export const LABELS = { application: 'patroni' };
/** As small as the settings allow. */
export const TIMINGS: Timings = { ttlMs: milliseconds(20_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };

export interface KubeClientOptions {
  readonly name: string;
  readonly scope: string;
  readonly access?: KubeconfigOptions;
  readonly section?: Readonly<Record<string, unknown>>;
  readonly timings?: Timings;
  readonly log?: Log;
  readonly isReadOnlyClient?: boolean;
}

/** A client of ours, not started, with a kubeconfig of its own. */
export function kubeClient(server: KubeServer, options: KubeClientOptions): Dcs {
  const { name, scope, access = {}, section = {}, timings = TIMINGS, log = silentLog, isReadOnlyClient = false } = options;
  const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  const file = join(folder, 'config');
  writeFileSync(file, server.kubeconfig(access));
  const surroundings = { environment: { KUBECONFIG: file }, parseYaml };
  const world = { timings, clock: nodeClock, random: nodeRandom, log, isReadOnlyClient, surroundings };
  try {
    return createKubernetes({ section: { labels: LABELS, context: 'test', ...section }, name, scope, ...world });
  } finally {
    // It is read once.
    rmSync(folder, { recursive: true, force: true });
  }
}
