import type { Action, Question } from './decision.js';
import { judgeTakeover, type TakeoverQuestion, takeoverPeers } from './election.js';
import type { KnownObservation } from './observation.js';

/** Whether somebody can take over: first the question to the peers, then the answer. */
export type Takeover =
  | { readonly kind: 'ask'; readonly question: Question }
  | { readonly kind: 'known'; readonly yes: boolean; readonly log: readonly Action[] };

export function canSomebodyTakeOver(o: KnownObservation, question: TakeoverQuestion): Takeover {
  const peers = takeoverPeers(o, question);
  const missing = peers.filter((peer) => o.facts.peers?.has(peer.name) !== true);
  if (missing.length > 0) return { kind: 'ask', question: { kind: 'ask-peers', peers: missing } };
  return { kind: 'known', ...judgeTakeover(o, o.facts.peers ?? new Map(), question) };
}
