import type { Lsn } from '../base/lsn.js';
import type { Tags } from '../cluster/tags.js';

/** What another member's REST API says of its server (rest-api.md §12.1). */
export type PeerStatus =
  /** `hasNoData`: it answered that it has no data directory, so that it neither has a position nor can be a primary. */
  | { readonly kind: 'unreachable'; readonly error: string; readonly hasNoData?: boolean }
  | {
      readonly kind: 'answered';
      readonly isInRecovery: boolean;
      /** Received or replayed position; zero when not in recovery. */
      readonly lsn: Lsn;
      readonly timeline: number;
      readonly tags: Tags;
      readonly isWatchdogFailed: boolean;
      /** Our extension: members of other implementations don't say it. */
      readonly isDiskFull?: boolean;
      /** Our extension, in quorum mode: it may still acknowledge commits of whoever it receives from. */
      readonly isReceiving?: boolean;
    };

export interface FailsafePing {
  readonly name: string;
  readonly conn_url: string;
  readonly api_url: string;
  readonly slots?: Readonly<Record<string, Lsn>>;
  /** Our extension: the primary's ttl in seconds, for a peer whose configuration says another one. */
  readonly ttl?: number;
}

export interface FailsafeReply {
  readonly accepted: boolean;
  readonly lsn: Lsn | undefined;
  readonly isLeading?: boolean;
  readonly detail?: string;
}

/** Requests to the REST API of other members. Expected failures are values; each request is bounded by `timeoutMs`. */
export interface Peers {
  /** `GET` of a member's `api_url`, no retry. */
  status(memberName: string, apiUrl: string, timeoutMs: number): Promise<PeerStatus>;
  /**
   * `POST /failsafe` with one repetition, so it may take twice `timeoutMs`. `lsn` is the peer's position if it told one,
   * `isLeading` that it says it leads itself, `detail` the answer or what kept it away, for the log.
   */
  failsafe(memberName: string, apiUrl: string, ping: FailsafePing, timeoutMs: number): Promise<FailsafeReply>;
  /** Whether anything answers `GET /liveness` there: a member of our name runs already. */
  isAlive(apiUrl: string, timeoutMs: number): Promise<boolean>;
}
