import { milliseconds } from '../base/duration.js';
import type { ServerTrouble } from '../cluster/server-trouble.js';
import type { Memory } from './memory.js';
import type { Observation } from './observation.js';

/** After a freeze of this machine one late answer looks like a long silence: fewer failures prove nothing. */
const LEAST_FAILURES = 3;
/** So many crashes of a primary within the time-out are a loop that no restart ends. */
const CRASHES = 3;

/** The trouble that lasts for longer than `primary_useless_timeout`; the one that began first. */
export function provenTrouble(o: Observation): ServerTrouble | undefined {
  const limit = o.config.primaryUselessTimeoutMs;
  if (limit === undefined) return undefined;
  const proven = (o.postgres.troubles ?? []).filter((one) => one.failures >= LEAST_FAILURES && o.now - one.since >= limit);
  return [...proven].sort((a, b) => a.since - b.since)[0];
}

/** The crashes that are remembered after one more: no more than are needed for the judgement. */
export function crashesWith(memory: Memory, o: Observation): Memory['crashes'] {
  return [...memory.crashes, milliseconds(o.now)].slice(-CRASHES);
}

/** The server crashes again and again as primary. */
export function isCrashLoop(memory: Memory, o: Observation): boolean {
  const limit = o.config.primaryUselessTimeoutMs;
  const first = memory.crashes[0];
  return limit !== undefined && first !== undefined && memory.crashes.length >= CRASHES && o.now - first <= limit;
}

/** A stop or restart that takes so long keeps the cluster without writes like a useless server does. */
export function isStopOverdue(o: Observation): boolean {
  const limit = o.config.primaryUselessTimeoutMs;
  if (limit === undefined || o.job === undefined) return false;
  const { job, startedAt } = o.job;
  if (job.kind === 'demote') return job.mode === 'graceful' && o.now - startedAt >= limit;
  if (job.kind !== 'restart' || job.isStandby) return false;
  return o.now - startedAt >= Math.max(limit, job.timeoutMs);
}
