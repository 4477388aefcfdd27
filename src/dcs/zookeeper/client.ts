import { DcsUnavailable } from '../../ports/dcs.js';
import type { Deadline } from '../shared/retry.js';
import type { Connection } from './connection.js';
import { ConnectionFailure, ValueTooLarge, ZooKeeperError } from './errors.js';
import type { Request } from './protocol.js';
import type { Session } from './session.js';

/** No attempt is shorter than this while the budget allows: less would fail on a busy server. */
const MIN_ATTEMPT_MS = 1000;
const ATTEMPTS_PER_BUDGET = 3;
/** ZooKeeper ends a connection that brings more (jute.maxbuffer), without saying why. */
const MAX_REQUEST_BYTES = 0xfffff;

/** `repeat`: until the budget is used up. `once`: a request that may have been seen is not sent again. */
export type Attempts = 'repeat' | 'once';

/** `isAmbiguous`: an earlier attempt was not answered, so it may have been carried out as well. */
export type Answer<T> =
  | { readonly kind: 'done'; readonly value: T; readonly isAmbiguous: boolean }
  | { readonly kind: 'refused'; readonly error: ZooKeeperError; readonly isAmbiguous: boolean };

/** Requests to the ensemble: attempts, and which answers count. */
export class ZooKeeperClient {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** @throws DcsUnavailable when there is no answer; ZooKeeperError for one that says nothing of the nodes; ValueTooLarge. */
  send<T>(request: Request<T>, deadline: Deadline, attempts: Attempts): Promise<Answer<T>> {
    const size = request.body.toBuffer().length;
    if (size > MAX_REQUEST_BYTES) {
      throw new ValueTooLarge(`${request.what}: ${size} bytes; ZooKeeper takes at most ${MAX_REQUEST_BYTES} in one request`);
    }
    return this.exchange(request.what, deadline, attempts, (connection, timeoutMs) =>
      connection.request(request, timeoutMs, deadline.signal),
    );
  }

  /** The same for several requests that have to go over one connection. */
  async exchange<T>(
    what: string,
    deadline: Deadline,
    attempts: Attempts,
    ask: (connection: Connection, timeoutMs: number) => Promise<T>,
  ): Promise<Answer<T>> {
    const attemptMs = Math.max(MIN_ATTEMPT_MS, deadline.totalMs / ATTEMPTS_PER_BUDGET);
    let isAmbiguous = false;
    let lastError: Error | undefined;
    while (deadline.remainingMs() > 0) {
      try {
        const connection = await this.#session.connection(deadline);
        return { kind: 'done', value: await ask(connection, Math.min(attemptMs, deadline.remainingMs())), isAmbiguous };
      } catch (error) {
        if (error instanceof ZooKeeperError) {
          if (error.isRefusal) return { kind: 'refused', error, isAmbiguous };
          if (!error.isOfSession) throw error;
        } else if (!(error instanceof ConnectionFailure)) throw error;
        // What only had the rest of the time says less than what was there before.
        if (lastError === undefined || deadline.remainingMs() > 0) lastError = error;
        const wasSent = !(error instanceof ConnectionFailure) || error.wasSent;
        isAmbiguous ||= wasSent;
        if ((wasSent && attempts === 'once') || !(await deadline.pause())) break;
      }
    }
    const why = lastError?.message ?? 'no time left';
    const message = `ZooKeeper is not responding properly: ${what} within ${Math.round(deadline.totalMs)} ms: ${why}`;
    throw new DcsUnavailable(message, { cause: lastError });
  }
}
