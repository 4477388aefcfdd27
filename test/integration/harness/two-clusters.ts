import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentKind } from './implementations.js';
import type { Member } from './member.js';
import { TestCluster } from './test-cluster.js';
import { waitFor } from './wait.js';
import { Writer } from './writer.js';

/** A main cluster and a standby cluster of it in one etcd, the standby cluster healthy and replicating. */
export interface TwoClusters {
  readonly main: TestCluster;
  readonly standby: TestCluster;
  /** Writes to whoever is primary in either cluster. */
  readonly writer: Writer;
}

export interface TwoClustersOptions {
  readonly mainMembers?: number;
  readonly standbyMembers?: number;
  /** Kinds of the members of the standby cluster. */
  readonly standbyKinds?: readonly AgentKind[];
  /** Over the defaults of `bootstrap.dcs` of both. */
  readonly dynamic?: Readonly<Record<string, unknown>>;
  /** Over the section `postgresql` of each member of both. */
  readonly postgresql?: Readonly<Record<string, unknown>>;
  /** Over `standby_cluster`, whose address is the main cluster's. */
  readonly section?: Readonly<Record<string, unknown>>;
}

const LIMIT_MS = 240_000;
const TIMINGS = { ttl: 10, loop_wait: 1, retry_timeout: 4 };
/** The permanent slot in the main cluster through which the standby leader streams. */
export const SLOT = 'dc2';

export const addressOf = (cluster: TestCluster): { readonly host: string; readonly port: string } => ({
  host: cluster.members.map(() => '127.0.0.1').join(','),
  port: cluster.members.map((each) => each.port).join(','),
});

/** A test on two healthy clusters under writes. No acknowledged row may be missing at its end on the primary. */
export function twoClusters(name: string, options: TwoClustersOptions, body: (scene: TwoClusters) => Promise<void>): void {
  void test(name, { timeout: LIMIT_MS }, async () => {
    const slots = { [SLOT]: { type: 'physical' } };
    const common = { postgresql: options.postgresql ?? {} };
    const dynamic = { ...TIMINGS, slots, ...options.dynamic };
    const main = await TestCluster.start({ ...common, members: options.mainMembers ?? 2, dynamic });
    const leave = (): void => {
      main.killEverything();
      process.exit(1);
    };
    process.once('SIGTERM', leave);
    process.once('SIGINT', leave);
    let standby: TestCluster | undefined;
    let writer: Writer | undefined;
    let hasFailed = true;
    try {
      const section = { ...addressOf(main), primary_slot_name: SLOT, ...options.section };
      standby = await TestCluster.start({
        ...common,
        members: options.standbyMembers ?? 2,
        ...(options.standbyKinds === undefined ? {} : { kinds: options.standbyKinds }),
        dynamic: { ...dynamic, standby_cluster: section },
        scope: 'robin',
        prefix: 'standby',
        beside: main,
      });
      writer = new Writer([...main.members, ...standby.members].map((each) => each.port));
      await writer.start();
      await body({ main, standby, writer });
      await writer.untilWritten(10);
      await writer.stop();
      await writer.assertNoAcknowledgedRowMissing();
      hasFailed = false;
    } finally {
      await writer?.stop();
      await standby?.stop({ hasFailed });
      await main.stop({ hasFailed });
      process.off('SIGTERM', leave);
      process.off('SIGINT', leave);
    }
  });
}

/** Waits until every running member of `cluster` has all rows of this moment. */
export async function untilCaughtUp(cluster: TestCluster, writer: Writer, limitMs = 30_000): Promise<void> {
  const { count } = writer;
  await waitFor(
    `${count} rows on every member`,
    async () => {
      const counts = await Promise.all(cluster.members.filter((each) => each.agent.isRunning).map((each) => rowsOn(cluster, each)));
      return counts.every((n) => n >= count);
    },
    limitMs,
  );
}

export async function rowsOn(cluster: TestCluster, member: Member): Promise<number> {
  const { rows } = await cluster.sql(member, 'SELECT count(*)::int AS n FROM written');
  return Number(rows[0]?.['n']);
}

/** Fails when a member of the cluster takes writes, or says that it does. One that does not answer takes none. */
export async function assertReadOnly(cluster: TestCluster): Promise<void> {
  for (const member of cluster.members.filter((each) => each.agent.isRunning)) {
    const answer = await cluster.sql(member, 'SELECT pg_is_in_recovery() AS r').catch(() => undefined);
    assert.notEqual(answer?.rows[0]?.['r'], false, `${member.name} is writable`);
    assert.equal(await member.isHealthy('/primary'), false, `${member.name} says that it is the primary`);
  }
}
