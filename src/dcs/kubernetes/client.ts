import { type JsonObject, parseJsonObject, stringifyJson } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { HttpFailure, type StreamHandlers } from '../shared/http-client.js';
import type { Deadline } from '../shared/retry.js';
import type { ApiAccess } from './access.js';
import { ApiServers, originsOf } from './api-servers.js';
import { errorOf, KubernetesError } from './errors.js';

/** A list of objects whose annotations hold up to 256 KB each. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** No attempt is shorter than this while the budget allows: less would fail on a busy server. */
const MIN_ATTEMPT_MS = 1000;
/** One server gets this part of the budget for an attempt, as in Patroni. */
const LEAST_ATTEMPTS = 2;
const API_SERVERS_PATH = '/api/v1/namespaces/default/endpoints/kubernetes';

/** `repeat`: until the budget is used up. `once`: a request that may have been seen is not sent again. */
export type Attempts = 'repeat' | 'once';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  readonly attempts: Attempts;
  /** Permissions reach an API server some time after they were granted: a denial is repeated as well. */
  readonly repeatsDenied?: boolean;
}

export interface ApiAnswer {
  readonly body: JsonObject;
  /** An earlier attempt of this request failed without an answer: it may have been applied as well. */
  readonly isAmbiguous: boolean;
}

export interface KubernetesClientOptions {
  readonly access: ApiAccess;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly retriableCodes: ReadonlySet<number>;
}

/** Requests to the Kubernetes API: servers, credentials, attempts, and which answers count. */
export class KubernetesClient {
  readonly #options: KubernetesClientOptions;
  readonly #servers: ApiServers;
  #retriableCodes: ReadonlySet<number>;
  #isClosed = false;
  #serversReadAt = Number.NEGATIVE_INFINITY;
  #isBypassing = true;
  /** Called when a server did not answer: what it told before may be old. */
  onFailure: () => void = () => undefined;

  constructor(options: KubernetesClientOptions) {
    this.#options = options;
    this.#servers = new ApiServers(options.access, options.clock);
    this.#retriableCodes = options.retriableCodes;
  }

  setRetriableCodes(codes: ReadonlySet<number>): void {
    this.#retriableCodes = codes;
  }

  /** @throws KubernetesError for an answer that is an error; DcsUnavailable when there is none. */
  async send(request: ApiRequest, deadline: Deadline): Promise<ApiAnswer> {
    const attemptMs = Math.max(MIN_ATTEMPT_MS, deadline.totalMs / Math.max(LEAST_ATTEMPTS, this.#servers.count));
    let isAmbiguous = false;
    let lastError: Error | undefined;
    while (deadline.remainingMs() > 0 && !this.#isClosed) {
      const server = this.#servers.current;
      try {
        const answer = await this.#sendOnce(request, Math.min(attemptMs, deadline.remainingMs()), deadline.signal);
        return { ...answer, isAmbiguous: isAmbiguous || answer.isAmbiguous };
      } catch (error) {
        if (!(error instanceof KubernetesError || error instanceof HttpFailure)) throw error;
        lastError = error;
        if (error instanceof KubernetesError) {
          const isRepeated = error.kind === 'unavailable' || (error.kind === 'denied' && request.repeatsDenied === true);
          if (!isRepeated) throw ambiguous(error, isAmbiguous && request.method !== 'GET');
        }
        if (error instanceof HttpFailure || error.kind === 'unavailable') {
          if (error instanceof KubernetesError || error.wasSent) isAmbiguous = true;
          this.#servers.leave(server);
          this.onFailure();
        }
        const asked = error instanceof KubernetesError ? error.retryAfterMs : undefined;
        if (request.attempts === 'once' || !(await deadline.pause(asked))) break;
      }
    }
    throw this.#unavailable(request, deadline, lastError);
  }

  /** Opens a watch. @throws HttpFailure */
  watch(
    path: string,
    query: Readonly<Record<string, string>>,
    timeoutMs: number,
    signal: AbortSignal,
    handlers: StreamHandlers,
  ): Promise<{ close(): void }> {
    const request = { method: 'GET', path: `${path}${queryText(query)}`, headers: this.#headers(undefined), timeoutMs, signal };
    return this.#servers.current.stream(request, handlers);
  }

  /**
   * Looks where the API servers are, if that is due (`bypass_api_service`). A failure changes nothing; without the right to
   * see them the usual address is used from then on.
   */
  async followApiServers(maxAgeMs: number, deadline: Deadline): Promise<void> {
    const { clock, random, log } = this.#options;
    if (!this.#isBypassing || clock.monotonic() - this.#serversReadAt < maxAgeMs) return;
    this.#serversReadAt = clock.monotonic();
    try {
      const { body } = await this.send({ method: 'GET', path: API_SERVERS_PATH, attempts: 'once' }, deadline);
      const origins = originsOf(body);
      if (origins.length > 0) this.#servers.replace(origins, random.next());
      else log.warning('no API server is listed in endpoints/kubernetes of namespace default; bypass_api_service has no effect');
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === 'denied') {
        log.warning(`the API servers may not be listed, bypass_api_service is switched off: ${error.message}`);
        this.#isBypassing = false;
        this.#servers.reset();
      } else if (!(error instanceof KubernetesError || error instanceof DcsUnavailable)) throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#servers.close();
  }

  /** One attempt, and one more when the token was replaced meanwhile. */
  async #sendOnce(request: ApiRequest, timeoutMs: number, signal: AbortSignal | undefined): Promise<ApiAnswer> {
    const started = this.#options.clock.monotonic();
    try {
      return await this.#exchange(request, timeoutMs, signal);
    } catch (error) {
      const isRefused = error instanceof KubernetesError && error.status === 401;
      if (!isRefused || !this.#options.access.authorization.renew()) throw error;
      return await this.#exchange(request, Math.max(1, timeoutMs - (this.#options.clock.monotonic() - started)), signal);
    }
  }

  async #exchange(request: ApiRequest, timeoutMs: number, signal: AbortSignal | undefined): Promise<ApiAnswer> {
    const { method, path, query, body } = request;
    const response = await this.#servers.current.request({
      method,
      path: `${path}${queryText(query)}`,
      ...(body === undefined ? {} : { body: stringifyJson(body) }),
      headers: this.#headers(body === undefined ? undefined : method),
      timeoutMs,
      signal,
      // What changes something is repeated here only where the caller said so.
      isRepeatable: method === 'GET' || request.attempts === 'repeat',
      maxBodyBytes: MAX_ANSWER_BYTES,
    });
    const document = parseJsonObject(response.body);
    const { status } = response;
    if (status < 200 || status > 299) {
      const text = typeof document?.['message'] === 'string' ? document['message'] : response.body;
      throw ambiguous(
        errorOf(status, text, response.headers['retry-after'], this.#retriableCodes),
        response.isRepeated && method !== 'GET',
      );
    }
    if (document === undefined) throw new KubernetesError('unavailable', 'not an answer of Kubernetes: no JSON object');
    return { body: document, isAmbiguous: response.isRepeated };
  }

  #headers(method: ApiRequest['method'] | undefined): Readonly<Record<string, string>> {
    const authorization = this.#options.access.authorization.header();
    return {
      accept: 'application/json',
      ...(authorization === undefined ? {} : { authorization }),
      ...(method === undefined ? {} : { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }),
    };
  }

  #unavailable({ method, path }: ApiRequest, deadline: Deadline, cause: Error | undefined): DcsUnavailable {
    const why = this.#isClosed ? 'closed' : (cause?.message ?? 'no time left');
    const message = `Kubernetes API is not responding properly: ${method} ${path} within ${Math.round(deadline.totalMs)} ms: ${why}`;
    return new DcsUnavailable(message, { cause });
  }
}

/** A refusal after an attempt without answer does not tell what became of the first one; a conflict may be with our own. */
function ambiguous(error: KubernetesError, isAmbiguous: boolean): KubernetesError {
  if (!isAmbiguous || error.kind === 'unavailable') return error;
  const { kind, message, status } = error;
  if (kind === 'conflict') return new KubernetesError('conflict', message, { status, isAmbiguous });
  return new KubernetesError('unavailable', `an earlier attempt was not answered; then ${message}`, { status });
}

function queryText(query: Readonly<Record<string, string>> = {}): string {
  const parts = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
