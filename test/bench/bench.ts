import type { AgentKind, Member } from '../integration/harness/member.js';
import { TestCluster } from '../integration/harness/test-cluster.js';
import { pause } from '../integration/harness/wait.js';
import { crashPostmaster, gapDuring, memoryOf, requestsPerSecond, switchOver } from './measure.js';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const IDLE_MS = 15_000;
const LOAD = { connections: 8, seconds: 5 };

interface Setting {
  readonly label: string;
  readonly dynamic: Readonly<Record<string, unknown>>;
  readonly kinds: readonly AgentKind[];
  readonly events: readonly ('all' | 'crash' | 'loss')[];
}

const SETTINGS: readonly Setting[] = [
  { label: 'ttl 30, loop_wait 10', dynamic: {}, kinds: ['ours', 'python'], events: ['all', 'loss'] },
  {
    label: 'ttl 20, loop_wait 1',
    dynamic: { ttl: 20, loop_wait: 1, retry_timeout: 9 },
    kinds: ['ours', 'python'],
    events: ['crash', 'loss'],
  },
  { label: 'ttl 5, loop_wait 1, retry_timeout 2', dynamic: { ttl: 5, loop_wait: 1, retry_timeout: 2 }, kinds: ['ours'], events: ['loss'] },
];

type Results = Map<string, Map<AgentKind, string>>;

/** Runs the same events against both implementations, one after the other, and prints them side by side. */
export async function bench({ isQuick, only }: { readonly isQuick: boolean; readonly only: AgentKind | undefined }): Promise<number> {
  const results: Results = new Map();
  for (const setting of isQuick ? SETTINGS.slice(0, 1) : SETTINGS) {
    for (const kind of setting.kinds) {
      if (only !== undefined && kind !== only) continue;
      say(`${kind}: ${setting.label} …`);
      await measure(setting, kind, (row, value) => {
        say(`  ${row}: ${value}`);
        const cells = results.get(row) ?? new Map<AgentKind, string>();
        cells.set(kind, value);
        results.set(row, cells);
      });
    }
  }
  print(results);
  return [...results.values()].some((cells) => [...cells.values()].includes('failed')) ? 1 : 0;
}

async function measure({ label, dynamic, events }: Setting, kind: AgentKind, record: (row: string, value: string) => void): Promise<void> {
  const cluster = await TestCluster.prepare({ kind, dynamic });
  let hasFailed = true;
  const leave = (): never => {
    cluster.killEverything();
    process.exit(130);
  };
  process.once('SIGINT', leave);
  process.once('SIGTERM', leave);
  try {
    const began = performance.now();
    for (const member of cluster.members) member.startAgent();
    await cluster.untilHealthy();
    if (events.includes('all')) {
      record('three members healthy after', `${((performance.now() - began) / 1000).toFixed(1)} s`);
      await pause(IDLE_MS);
      await resources(cluster, record);
    }
    await gaps(cluster, label, events, record);
    hasFailed = false;
  } finally {
    await cluster.stop({ hasFailed });
    process.off('SIGINT', leave);
    process.off('SIGTERM', leave);
  }
}

async function resources(cluster: TestCluster, record: (row: string, value: string) => void): Promise<void> {
  const leader = await cluster.leader();
  const { rssMb, pssMb } = memoryOf(leader.agent.pid);
  record("leader's agent, idle: RSS", `${rssMb.toFixed(1)} MB`);
  record("leader's agent, idle: PSS", `${pssMb.toFixed(1)} MB`);
  record(`GET /primary, ${LOAD.connections} connections`, `${Math.round(await requestsPerSecond(leader.restPort, LOAD))} /s`);
}

async function gaps(
  cluster: TestCluster,
  label: string,
  events: Setting['events'],
  record: (row: string, value: string) => void,
): Promise<void> {
  const writer = await cluster.startWriter();
  const gap = async (what: string, act: (leader: Member) => Promise<void>): Promise<void> => {
    const row = `gap: ${what} (${label})`;
    try {
      record(row, `${((await gapDuring(cluster, writer, act)) / 1000).toFixed(2)} s`);
    } catch (error) {
      // The other events are worth measuring all the same.
      say(`  ${row}: ${error instanceof Error ? error.message : String(error)}`);
      record(row, 'failed');
    }
  };
  if (events.includes('all')) {
    await gap('switchover', (leader) => switchOver(cluster, leader));
    await gap("SIGTERM to the leader's agent", (leader) => leader.stopAgent());
  }
  if (events.includes('all') || events.includes('crash'))
    await gap('kill -9 of the postmaster', (leader) => crashPostmaster(writer, leader));
  if (events.includes('loss')) await gap('loss of the leader member', (leader) => writer.betweenRows(() => leader.kill()));
  await writer.stop();
  await writer.assertNoAcknowledgedRowMissing();
}

function print(results: Results): void {
  const width = Math.max(...[...results.keys()].map((row) => row.length));
  say(`\n${''.padEnd(width)}  ${'ours'.padStart(10)}  ${'Python'.padStart(10)}`);
  for (const [row, cells] of results) {
    say(`${row.padEnd(width)}  ${(cells.get('ours') ?? '–').padStart(10)}  ${(cells.get('python') ?? '–').padStart(10)}`);
  }
}
