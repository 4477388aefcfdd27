import { milliseconds } from '../base/duration.js';
import { type Action, log } from './decision.js';
import type { Memory } from './memory.js';
import { hasLock, isPrimary, type KnownObservation } from './observation.js';

/** A standby that gets no WAL for so long is told of. A new upstream, or a restart of it, takes less. */
const PATIENCE_MS = 30_000;
/** And told of again after so long. */
const REPEAT_MS = 300_000;

/**
 * A running standby beside a leader that neither streams nor reads an archive falls behind, and nothing else says so: its
 * health check is fine. The server tries again by itself; where the WAL that it needs is gone everywhere, only an operator can help, since
 * a new copy throws the old one away.
 */
export function watchStarvation(
  o: KnownObservation,
  memory: Memory,
): { readonly actions: readonly Action[]; readonly remember: Partial<Memory> } {
  const { leader } = o.cluster.view;
  const { status } = o.postgres;
  const isStandby = leader !== undefined && !hasLock(o) && !isPrimary(o) && !o.policy.traits.nostream;
  if (!isStandby || status.kind !== 'known' || status.value.replicationState !== undefined)
    return { actions: [], remember: { starvation: undefined } };
  const { since, toldAt } = memory.starvation ?? { since: o.now, toldAt: undefined };
  const isToTell = o.now - since >= PATIENCE_MS && (toldAt === undefined || o.now - toldAt >= REPEAT_MS);
  if (!isToTell) return { actions: [], remember: { starvation: { since, toldAt } } };
  const seconds = Math.round((o.now - since) / 1000);
  const hint = `PostgreSQL's log says why; if WAL "has already been removed" there, only a new copy helps: patronictl reinit`;
  const line = `this standby has received no WAL for ${seconds} s, leader is ${leader.name}. ${hint}`;
  return { actions: [log('warning', line)], remember: { starvation: { since, toldAt: milliseconds(o.now) } } };
}
