import type { Clock } from '../../ports/clock.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { AnswerTooLarge, HttpEndpoint, HttpFailure, type HttpResponse } from '../shared/http-client.js';
import type { Deadline } from '../shared/retry.js';
import { ConsulError, errorOf } from './errors.js';
import type { ConsulAccess, ConsulSettings } from './settings.js';

/** All of a cluster's values at once, in base64. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** No attempt is shorter than this while the budget allows: less would fail on a busy server. */
const MIN_ATTEMPT_MS = 1000;
/** An attempt gets this part of the budget, as in Patroni. */
const ATTEMPTS_PER_BUDGET = 3;

/** `repeat`: until the budget is used up. `once`: a request that may have been seen is not sent again. */
export type Attempts = 'repeat' | 'once';

export interface ConsulRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly attempts: Attempts;
  /** Statuses beside 200 that are an answer. */
  readonly accept?: readonly number[];
}

export interface ConsulAnswer {
  readonly status: number;
  readonly body: string;
  /** `X-Consul-Index`; undefined where there is none. */
  readonly index: string | undefined;
  /** An earlier attempt of this request failed without an answer: it may have been applied as well. */
  readonly isAmbiguous: boolean;
}

/** Requests to one Consul agent: token, datacenter, attempts, and which answers count. */
export class ConsulClient {
  readonly #endpoint: HttpEndpoint;
  #access: ConsulAccess;
  #isClosed = false;

  constructor(settings: ConsulSettings, clock: Clock) {
    this.#endpoint = new HttpEndpoint({ origin: settings.origin, clock, tls: settings.tls });
    this.#access = settings.access;
  }

  get access(): ConsulAccess {
    return this.#access;
  }

  setAccess(access: ConsulAccess): void {
    this.#access = access;
  }

  /** @throws ConsulError for an answer that is an error; DcsUnavailable when there is none. */
  async send(request: ConsulRequest, deadline: Deadline): Promise<ConsulAnswer> {
    const attemptMs = Math.max(MIN_ATTEMPT_MS, deadline.totalMs / ATTEMPTS_PER_BUDGET);
    let isAmbiguous = false;
    let lastError: Error | undefined;
    while (deadline.remainingMs() > 0 && !this.#isClosed) {
      try {
        const timeoutMs = Math.min(attemptMs, deadline.remainingMs());
        const answer = await this.sendOnce(request, timeoutMs, deadline.signal);
        return { ...answer, isAmbiguous: isAmbiguous || answer.isAmbiguous };
      } catch (error) {
        if (error instanceof ConsulError && error.kind !== 'unavailable') {
          if (isAmbiguous && error.kind === 'refused') throw this.#unavailable(request, deadline, error);
          throw error;
        }
        if (!(error instanceof ConsulError || error instanceof HttpFailure)) throw error;
        lastError = error;
        if (error instanceof AnswerTooLarge) break;
        if (error instanceof ConsulError || error.wasSent) isAmbiguous = true;
        if (request.attempts === 'once' || !(await deadline.pause())) break;
      }
    }
    throw this.#unavailable(request, deadline, lastError);
  }

  /** One attempt, of any length. @throws ConsulError, HttpFailure */
  async sendOnce(request: ConsulRequest, timeoutMs: number, signal: AbortSignal | undefined): Promise<ConsulAnswer> {
    const { method, path, body } = request;
    const { token } = this.#access;
    const response = await this.#endpoint.request({
      method,
      path: `${path}${this.#queryText(request.query)}`,
      ...(body === undefined ? {} : { body }),
      headers: token === undefined ? {} : { 'x-consul-token': token },
      timeoutMs,
      signal,
      // What changes something is repeated here only where the caller said so.
      isRepeatable: method === 'GET' || request.attempts === 'repeat',
      maxBodyBytes: MAX_ANSWER_BYTES,
    });
    if (response.status !== 200 && !request.accept?.includes(response.status)) throw errorOf(response.status, response.body);
    return { status: response.status, body: response.body, index: indexOf(response), isAmbiguous: response.isRepeated };
  }

  close(): void {
    this.#isClosed = true;
    this.#endpoint.close();
  }

  #queryText(query: ConsulRequest['query'] = {}): string {
    const { dc } = this.#access;
    const parts = Object.entries({ ...query, dc }).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
    );
    return parts.length === 0 ? '' : `?${parts.join('&')}`;
  }

  #unavailable({ method, path }: ConsulRequest, deadline: Deadline, cause: Error | undefined): DcsUnavailable {
    const why = this.#isClosed ? 'closed' : (cause?.message ?? 'no time left');
    const message = `Consul is not responding properly: ${method} ${path} within ${Math.round(deadline.totalMs)} ms: ${why}`;
    return new DcsUnavailable(message, { cause });
  }
}

function indexOf({ headers }: HttpResponse): string | undefined {
  const index = headers['x-consul-index'];
  return typeof index === 'string' && /^\d+$/.test(index) ? index : undefined;
}
