import { stringifyJson } from '../../base/json.js';
import { parseScheduledAt } from '../../cluster/failover-request.js';
import { type Action, log } from '../decision.js';
import { describeRequest } from '../election.js';
import type { Memory } from '../memory.js';
import { isPrimary, type KnownObservation } from '../observation.js';
import { ask, conclude, delegate, type Rule, rule, type Verdict } from '../rule.js';
import { canSomebodyTakeOver } from '../takeover.js';
import { demoteActions } from './demote.js';

const EMPTY = stringifyJson({});

function request(o: KnownObservation) {
  return o.cluster.view.failover;
}

const bare = (o: KnownObservation): string => describeRequest(o.cluster.view).replace('manual ', '');

/** Removes the request under the version that was judged, and lets the cycle go on without it. */
function remove(o: KnownObservation, ...lines: readonly Action[]): Verdict {
  const version = request(o)?.version;
  const actions: Action[] = [
    ...lines,
    log('info', 'Cleaning up failover key'),
    { kind: 'write-failover', value: EMPTY, version },
    { kind: 'reload-view' },
  ];
  return { reason: '', actions, goOn: true };
}

type Scheduled = { readonly text: string; readonly inMs: number; readonly hasTimezone: boolean };

function schedule(o: KnownObservation): Scheduled | undefined {
  const text = request(o)?.scheduledAt;
  const parsed = text === undefined ? undefined : parseScheduledAt(text);
  return text === undefined || parsed === undefined ? undefined : { text, inMs: parsed.at - o.wallNow, hasTimezone: parsed.hasTimezone };
}

/** What the holder does about `/failover` (ha.md §10.2). No row: nothing is asked for, or it is not due. */
const rows: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'switchover/schedule-without-timezone',
    why: 'No zone is ever guessed.',
    match: (o) => {
      const at = schedule(o);
      return at !== undefined && !o.config.isPaused && !at.hasTimezone ? at : undefined;
    },
    decide: (at, o) => remove(o, log('warning', `Incorrect value of scheduled_at: ${at.text}`)),
  }),
  rule({
    id: 'switchover/schedule-stale',
    why: 'Nobody expects a switchover that should have been long ago.',
    match: (o) => {
      const at = schedule(o);
      return at !== undefined && !o.config.isPaused && at.inMs < -Math.floor(1.5 * o.config.loopWaitMs) ? at : undefined;
    },
    decide: (at, o) => remove(o, log('warning', `Found a stale ${bare(o)} value, cleaning up: ${at.text}`)),
  }),
  rule({
    id: 'switchover/leader-does-not-match',
    why: 'The request was made about another leader.',
    match: (o) => (isDue(o) && request(o)?.leader !== undefined && request(o)?.leader !== o.me ? request(o) : undefined),
    decide: ({ leader }, o) =>
      remove(o, log('warning', `${describeRequest(o.cluster.view)}: leader name does not match: ${leader} != ${o.me}`)),
  }),
  rule({
    id: 'switchover/candidate-is-leader',
    why: 'There is nothing to do.',
    match: (o) => isDue(o) && request(o)?.candidate === o.me,
    decide: (_, o) => remove(o, log('warning', `${describeRequest(o.cluster.view)}: I am already the leader, no need to ${bare(o)}`)),
  }),
  rule({
    id: 'switchover/paused-without-candidate',
    why: 'In maintenance mode nobody races.',
    match: (o) => isDue(o) && o.config.isPaused && request(o)?.candidate === undefined,
    decide: (_, o) => {
      const title = describeRequest(o.cluster.view).replace(/\b[a-z]/g, (c) => c.toUpperCase());
      return remove(o, log('warning', `${title} is possible only to a specific candidate in a paused state`));
    },
  }),
  rule({
    id: 'switchover/hand-over',
    why: 'Somebody can take over: stop, and give the key away when nothing can be lost.',
    match: (o) => (isDue(o) ? canSomebodyTakeOver(o, {}) : undefined),
    decide: (takeover, o) => {
      if (takeover.kind === 'ask') return ask(takeover.question);
      const kind = describeRequest(o.cluster.view);
      if (!takeover.yes) {
        return remove(o, ...takeover.log, log('warning', `${kind}: no healthy members found, ${bare(o)} is not possible`));
      }
      const word = kind === 'switchover' ? 'switchover' : 'manual failover';
      return conclude(`${word}: demoting myself`, [...takeover.log, ...demoteActions('graceful', word)]);
    },
  }),
];

function isDue(o: KnownObservation): boolean {
  if (request(o) === undefined) return false;
  const at = schedule(o);
  if (at === undefined) return true;
  return !o.config.isPaused && at.inMs <= 0;
}

/** The verdict about a request, or undefined when the cycle goes on without one. */
export function manualRequest(o: KnownObservation, memory: Memory): Verdict | undefined {
  if (request(o) === undefined || (o.config.isPaused && !isPrimary(o))) return undefined;
  return delegate(rows, o, memory);
}

/** When the scheduled request is due, as a wake-up for the loop, with the line that announces it. */
export function awaitedRequest(o: KnownObservation): { readonly inMs: number; readonly line: string } | undefined {
  const at = schedule(o);
  if (at === undefined || o.config.isPaused || at.inMs <= 0) return undefined;
  return { inMs: at.inMs, line: `Awaiting ${bare(o)} at ${at.text} (in ${Math.round(at.inMs / 1000)} seconds)` };
}

export const manualRequestRows = rows;
