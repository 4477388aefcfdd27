import { fileURLToPath } from 'node:url';
import type { AgentKind } from '../integration/harness/member.js';
import { TestCluster } from '../integration/harness/test-cluster.js';
import { freePorts, pause } from '../integration/harness/wait.js';
import { hints, memberTable, writeLine } from './screen.js';
import { tour } from './tour.js';

export interface DemoOptions {
  readonly kind: AgentKind;
  readonly isTour: boolean;
}

const TOUR_LIMIT_MS = 145_000;
const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Starts the cluster, shows it, and stops it again. @returns the exit code */
export async function demo({ kind, isTour }: DemoOptions): Promise<number> {
  const began = performance.now();
  say('starting etcd, three members and HAProxy …');
  const ports = await freePorts(2);
  const cluster = await TestCluster.prepare({ kind, ...(isTour ? { dynamic: { ttl: 20, loop_wait: 5, retry_timeout: 5 } } : {}) });
  const leaving = stopOnSignal(cluster);
  let hasFailed = true;
  try {
    for (const member of cluster.members) member.startAgent();
    await cluster.untilHealthy(90_000);
    await cluster.startHaproxy({ port: ports[0] ?? 0, statsPort: ports[1] ?? 0 });
    say(`three members are healthy after ${((performance.now() - began) / 1000).toFixed(1)} s, below ${cluster.folder}\n`);
    say(await memberTable(cluster));
    if (!isTour) {
      await live(cluster, leaving);
      hasFailed = false;
      return 0;
    }
    const isAsPromised = await withLimit(tour(cluster, say), TOUR_LIMIT_MS - (performance.now() - began));
    hasFailed = !isAsPromised;
    return isAsPromised ? 0 : 1;
  } catch (error) {
    if (leaving.isLeaving) return 130;
    say(`\nnot as promised: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    say('stopping everything …');
    await cluster.stop({ hasFailed: hasFailed && !leaving.isLeaving });
    say(`done after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}

interface Leaving {
  isLeaving: boolean;
}

/** The first Ctrl-C asks for an orderly end, the second takes none. */
function stopOnSignal(cluster: TestCluster): Leaving {
  const leaving: Leaving = { isLeaving: false };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (leaving.isLeaving) {
        cluster.killEverything();
        process.exit(130);
      }
      leaving.isLeaving = true;
      void cluster.stop().then(() => process.exit(0));
    });
  }
  return leaving;
}

function withLimit<T>(work: Promise<T>, limitMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the tour took too long')), limitMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function live(cluster: TestCluster, leaving: Leaving): Promise<void> {
  const writer = await cluster.startWriter({ throughHaproxy: true, everyMs: 100 });
  while (!leaving.isLeaving) {
    const table = await memberTable(cluster);
    const clear = process.stdout.isTTY ? '\u001b[2J\u001b[H' : '\n';
    say(
      `${clear}Patroni in TypeScript: a cluster on this machine. Ctrl-C stops and removes it.\n\n${table}\n\n${writeLine(writer)}\n\n${hints(cluster, checkout)}`,
    );
    await pause(process.stdout.isTTY ? 1_000 : 10_000);
  }
}
