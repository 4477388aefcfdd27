import assert from 'node:assert/strict';
import { milliseconds } from '../../../src/base/duration.js';
import type { Timings } from '../../../src/cluster/dynamic-config.js';
import { nodeClock } from '../../../src/platform/node-clock.js';
import { type Dcs, DcsUnavailable } from '../../../src/ports/dcs.js';
import type { StoreServer } from '../../support/store-server.js';

export interface ClientOptions {
  readonly timings: Timings;
  readonly scope: string;
  /** Over the section that names the ports. */
  readonly section?: Readonly<Record<string, unknown>>;
}

/** A server that knows users, and the settings of those. */
export interface GuardedServer {
  readonly server: StoreServer;
  readonly right: Readonly<Record<string, unknown>>;
  readonly wrong: Readonly<Record<string, unknown>>;
  /** May read the cluster `demo`, and write nothing of it. */
  readonly readOnly: Readonly<Record<string, unknown>>;
  /** Gives those who may only read the right to write, where that is not in the section: without it they are told `right`. */
  allowWriting?(): Promise<void>;
  /** Must not show up in a message. */
  readonly secret: string;
}

/** What a back end provides to be drilled: real servers, and ways around the client under test. */
export interface DrillHarness {
  startServer(): Promise<StoreServer>;
  /** Three servers, of which two are enough. */
  startEnsemble(): Promise<readonly StoreServer[]>;
  /** Which of them leads the others. */
  leaderAmong(servers: readonly StoreServer[]): Promise<number>;
  startGuarded(): Promise<GuardedServer>;
  /** A client that is not started yet, and that uses these ports only; where the store takes one, the first. */
  client(name: string, ports: readonly number[], options: ClientOptions): Dcs;
  /** Writes a key of the cluster, as another program would. */
  writeRaw(server: StoreServer, scope: string, key: string, value: Buffer): Promise<void>;
  /** Takes the leader key from its owner, which goes on living, by ending what holds it there. */
  endLease(server: StoreServer, scope: string): Promise<void>;
  /** How long after its ttl an expired key may still be there. */
  readonly expirySlackMs: number;
  /** Members stay when their agents have ended: something else removes them. */
  readonly keepsMembers?: boolean;
  /** The largest value that somebody else can write, in bytes, where it is less than a megabyte. */
  readonly largestValue?: number;
}

/** No drill waits for the end of this ttl: it must outlast them on a loaded machine. */
export const TIMINGS: Timings = { ttlMs: milliseconds(30_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
export const CALL = { timeoutMs: milliseconds(3000) };
export const BRIEF = { timeoutMs: milliseconds(1000) };
/** Beyond the budget of a call: its timer, the scheduler of a loaded machine. */
const SLACK_MS = 500;

export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  for (const end = performance.now() + ms; !(await condition()); await nodeClock.sleep(50))
    assert.ok(performance.now() < end, `${what}: not within ${ms} ms`);
}

/** What the call gave within its budget; an answer that is missing must say so. */
export async function answerOf<T>(operation: Promise<T>, budgetMs: number = CALL.timeoutMs): Promise<T | 'unknown'> {
  const started = performance.now();
  const answer = await operation.catch((error: unknown) => {
    assert.ok(error instanceof DcsUnavailable, String(error));
    return 'unknown' as const;
  });
  const tookMs = performance.now() - started;
  assert.ok(tookMs < budgetMs + SLACK_MS, `took ${tookMs} ms of ${budgetMs}`);
  return answer;
}

/** Cycles until five renewals have succeeded; not one may be lost, or take longer than its budget. */
export async function keepsItsLock(dcs: Dcs): Promise<void> {
  for (let renewed = 0, tries = 0; renewed < 5; tries += 1) {
    assert.ok(tries < 30, 'not renewed five times');
    const view = await answerOf(dcs.load(CALL));
    const outcome = await answerOf(dcs.renewLeaderLock(view === 'unknown' ? undefined : view.leader, CALL));
    assert.notEqual(outcome, 'lost');
    if (outcome === 'renewed') renewed += 1;
    await answerOf(dcs.writeStatus(`{"optime":${tries}}`, BRIEF), BRIEF.timeoutMs);
  }
}

/** Has `writer` change something until the watch of `reader` tells of it. */
export async function watchTells(writer: Dcs, reader: Dcs, ms = 10_000): Promise<void> {
  const events: string[] = [];
  const unsubscribe = reader.subscribe((event) => events.push(event.kind));
  let position = Number((await reader.load(CALL)).status.lastLsn);
  await until(
    'the watch tells of a change',
    async () => {
      position += 1;
      assert.equal(await writer.writeStatus(`{"optime":${position}}`, CALL), true);
      await nodeClock.sleep(50);
      return events.includes('status-changed');
    },
    ms,
  );
  unsubscribe();
}

/** Ends everything that a drill has opened, the last first. */
export class Opened {
  readonly #ends: (() => Promise<unknown>)[] = [];

  add<T extends { stop(): Promise<unknown> } | { close(): Promise<unknown> }>(thing: T): T {
    this.#ends.push(() => ('stop' in thing ? thing.stop() : thing.close()));
    return thing;
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
