import type { Milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import type { FailsafePing } from '../ports/peers.js';

/** What this member knows of failsafe mode (ha.md §19). */
export interface FailsafeKnowledge {
  /** Member name → api_url of everybody whom the store may let race: all must consent. Empty: no map is known. */
  readonly members: ReadonlyMap<string, string>;
  /** The primary that this member lets lead, and how long. Absent: it promised nothing, or the promise is over. */
  readonly promise: { readonly to: FailsafePing; readonly until: Milliseconds } | undefined;
  /** The own lease rests on the consent of the members; the store has not confirmed it since. */
  readonly isLeading: boolean;
  /** The agent started then: promises from before are forgotten. */
  readonly knownSince: Milliseconds;
  /** Positions of other members, as their consents told them. */
  readonly positions: ReadonlyMap<string, Lsn>;
}

/** How a round ended. `other-leader`: a member said that it leads itself. */
export type FailsafeAnswer =
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'unconfirmed'; readonly missing: readonly string[] }
  | { readonly kind: 'other-leader'; readonly name: string };
