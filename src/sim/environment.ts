import type { Agent } from '../agent/agent.js';
import type { Timings } from '../cluster/dynamic-config.js';
import type { MemoryNetwork } from '../dcs/memory/network.js';
import type { MemoryStore } from '../dcs/memory/store.js';
import type { Life } from './life.js';
import type { Mutation } from './mutations/mutation.js';
import type { Plan } from './plan.js';
import type { Scheduler } from './scheduler.js';
import type { ServerNetwork } from './server.js';

/** Path of the simulated cluster's keys. */
export const CLUSTER = '/service/sim/';

/** What another member can notice of one: whether its agent answers. */
export interface SimPeer {
  readonly isAgentAlive: boolean;
  readonly life: Life | undefined;
  readonly agent: Agent | undefined;
}

/** The part of the world in which a member lives. */
export interface SimEnvironment extends ServerNetwork {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly store: MemoryStore;
  readonly storeNetwork: MemoryNetwork;
  readonly timings: Timings;
  readonly dynamicConfig: Readonly<Record<string, unknown>>;
  readonly usesRewind: boolean;
  readonly mutation: Mutation | undefined;
  /** Share of requests between members that are lost. */
  readonly lossRate: number;
  member(name: string): SimPeer | undefined;
  nextSystemId(): string;
  initdbFails(): boolean;
  logged(member: string, level: string, message: string, error?: unknown): void;
  trace(line: string): void;
  fail(what: string): void;
}

export function timingsOf(ttl: number, loopWait: number, retryTimeout: number): Timings {
  return {
    ttlMs: (ttl * 1000) as Timings['ttlMs'],
    loopWaitMs: (loopWait * 1000) as Timings['loopWaitMs'],
    retryTimeoutMs: (retryTimeout * 1000) as Timings['retryTimeoutMs'],
  };
}
