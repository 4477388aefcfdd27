import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { connect } from './connect.js';
import { ConnectionProblem } from './errors.js';
import type { ConnectionParameters, Row, Session } from './session.js';

/** Options of the pooled connections: a user's functions must not be resolved, and monitoring must not show in statistics. */
const POOLED_OPTIONS = '-c statement_timeout=2000 -c pg_stat_statements.track=none -c search_path=pg_catalog';

/** First and largest pause between two tries of an ordinary query, and the largest jitter, in milliseconds. */
const RETRY_STEP_MS = 100;
const RETRY_MAX_MS = 1000;
const RETRY_JITTER_MS = 800;

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where the local server is; asked for each new connection, because a restart may move it. */
  readonly target: () => ConnectionParameters;
  /** The connection ended without us: often the first sign of a server that died. */
  readonly onLost: () => void;
}

/**
 * The agent's one persistent connection to its server, opened when it is needed and again after it broke.
 * One connection serves the HA cycle and the REST API: each costs the server a backend.
 */
export class Heartbeat {
  private readonly options: HeartbeatOptions;
  private session: Session | undefined;
  private opening: Promise<Session> | undefined;
  /** Closing while a connection is being opened makes that connection useless: it may be to a server that was killed. */
  private generation = 0;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  get isOpen(): boolean {
    return this.session?.isOpen === true;
  }

  /** Of the server connected to; 0 while there is none. */
  get serverVersion(): number {
    return this.session?.isOpen ? this.session.serverVersion : 0;
  }

  /** One try. @throws ConnectionProblem, QueryFailed */
  async query(text: string, options?: { readonly timeoutMs?: number }): Promise<readonly Row[]> {
    const session = await this.open();
    return session.query(text, options);
  }

  /**
   * Tries again while the connection is the problem, for `withinMs` (half of retry_timeout for ordinary queries).
   * `mayRetry` is asked before each repetition.
   */
  async queryWithRetry(text: string, withinMs: number, mayRetry: () => boolean): Promise<readonly Row[]> {
    const { clock, random } = this.options;
    const deadline = clock.monotonic() + withinMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.query(text);
      } catch (error) {
        const pause = Math.min(attempt * RETRY_STEP_MS, RETRY_MAX_MS) + random.next() * RETRY_JITTER_MS;
        const isOver = clock.monotonic() + pause >= deadline;
        if (!(error instanceof ConnectionProblem) || isOver || !mayRetry()) throw error;
        await clock.sleep(pause);
      }
    }
  }

  close(): void {
    this.generation++;
    this.session?.close();
    this.session = undefined;
    this.opening = undefined;
  }

  private open(): Promise<Session> {
    if (this.session?.isOpen) return Promise.resolve(this.session);
    if (this.opening === undefined) {
      const opening = this.connect(this.generation).finally(() => {
        if (this.opening === opening) this.opening = undefined;
      });
      this.opening = opening;
    }
    return this.opening;
  }

  private async connect(generation: number): Promise<Session> {
    const { clock, log, target, onLost } = this.options;
    log.debug('establishing a new patroni heartbeat connection to postgres');
    const session = await connect(target(), { clock, applicationName: 'Patroni heartbeat', startupOptions: POOLED_OPTIONS });
    if (generation !== this.generation) {
      session.close();
      throw new ConnectionProblem('connection closed while it was opened');
    }
    this.session = session;
    session.onLost(onLost);
    return session;
  }
}
