import { isJsonObject, type JsonObject, parseJsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import type { ResolveService } from '../shared/dns.js';
import { findSeeds } from '../shared/etcd/discovery.js';
import { MemberList } from '../shared/etcd/member-list.js';
import type { EtcdSettings } from '../shared/etcd/settings.js';
import { AnswerTooLarge, HttpEndpoint, HttpFailure, type StreamHandlers } from '../shared/http-client.js';
import type { Deadline } from '../shared/retry.js';
import { EtcdError, errorOf } from './errors.js';
import { classify, unsent } from './failures.js';
import { Progress } from './progress.js';
import { clientUrls, gatewayPrefix, revisionOf } from './wire.js';

/** Values may be 1 MB each, and base64 adds a third; a bound is still needed. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** No attempt is shorter than this while the budget allows: less would fail on a busy server. */
const MIN_ATTEMPT_MS = 1000;
/** Two renewals of the token within one request: more would only hammer a server that refuses. */
const MAX_AUTHENTICATIONS = 2;
/** Reads, and what a compare guards: sent again on a new connection when a kept one turned out to be closed. */
const IS_HARMLESS_TWICE: ReadonlySet<string> = new Set(['/kv/range', '/kv/txn', '/lease/keepalive', '/cluster/member/list']);

export interface EtcdAnswer {
  readonly body: JsonObject;
  /** An earlier attempt of this request failed without an answer: it may have been applied as well. */
  readonly isAmbiguous: boolean;
}

/** `repeat`: on every member until the budget is used up. `once`: a request that may have been seen is not sent again. */
export type Attempts = 'repeat' | 'once';

export interface EtcdClientOptions {
  readonly settings: EtcdSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly resolveService?: ResolveService;
}

/** Requests to an etcd cluster through its JSON gateway: fail-over between members, authentication, and which answers count. */
export class EtcdClient {
  readonly progress: Progress;
  readonly #options: EtcdClientOptions;
  readonly #endpoints = new Map<string, HttpEndpoint>();
  readonly #members: MemberList;
  #prefix: string | undefined;
  #isPrefixSure = false;
  #credentials: EtcdSettings['credentials'];
  #token: string | undefined;
  #isClosed = false;
  /** Called when a member did not answer: what is known of the store may be stale from here on. */
  onFailure: () => void = () => undefined;

  constructor(options: EtcdClientOptions) {
    const { settings, clock, random, log, resolveService } = options;
    this.#options = options;
    this.#credentials = settings.credentials;
    this.#members = new MemberList(random, (timeoutMs) => findSeeds(settings, { clock, timeoutMs }, resolveService));
    this.progress = new Progress(log);
  }

  /** @throws EtcdError for an answer that is an error; DcsUnavailable when there is none. */
  async post(path: string, body: unknown, deadline: Deadline, attempts: Attempts): Promise<EtcdAnswer> {
    const attemptMs = this.#attemptMs(deadline);
    let isAmbiguous = false;
    let authentications = 0;
    let lastError: Error | undefined;
    for (;;) {
      for (let tried = 0; tried < this.#members.count; ) {
        if (deadline.remainingMs() <= 0 || this.#isClosed) throw this.#unavailable(path, deadline, lastError);
        try {
          await this.#prepare(deadline);
          const answer = await this.#exchange(path, body, Math.min(attemptMs, deadline.remainingMs()), deadline);
          // A member was left for another one: it may not come back, and others may be there (dcs.md §8.2).
          if (tried > 0) this.#members.refresh();
          return { body: answer.result, isAmbiguous: isAmbiguous || answer.isAmbiguous };
        } catch (error) {
          if (error instanceof AnswerTooLarge) throw this.#unavailable(path, deadline, error);
          const verdict = classify(error);
          if (!(error instanceof Error) || verdict === 'final') throw isAmbiguous ? this.#doubtful(error, path, deadline) : error;
          lastError = error;
          if (verdict === 'authenticate') {
            this.#token = undefined;
            authentications += 1;
            if (this.#credentials === undefined || authentications > MAX_AUTHENTICATIONS) {
              const refusal = new EtcdError('refused', error.message);
              throw isAmbiguous ? this.#doubtful(refusal, path, deadline) : refusal;
            }
            continue;
          }
          tried += 1;
          this.#members.moveOn();
          this.onFailure();
          if (verdict === 'not-sent') continue;
          isAmbiguous = true;
          if (attempts === 'once') throw this.#unavailable(path, deadline, lastError);
        }
      }
      // Names and members may have changed while nobody answered.
      this.#members.forget();
      this.#isPrefixSure = false;
      if (attempts === 'once' || !(await deadline.pause())) throw this.#unavailable(path, deadline, lastError);
    }
  }

  /** Opens a stream at the current member. @throws HttpFailure, EtcdError, DcsUnavailable */
  async stream(path: string, body: unknown, deadline: Deadline, handlers: StreamHandlers): Promise<{ close(): void }> {
    await this.#prepare(deadline);
    const request = {
      method: 'POST',
      path: `${this.#prefix}${path}`,
      body: JSON.stringify(body),
      // Ends the stream when the member has lost its leader; without it a cut-off member is silent for as long as that lasts.
      headers: { ...this.#headers(), 'grpc-metadata-hasleader': 'true' },
      timeoutMs: deadline.remainingMs(),
      signal: deadline.signal,
    };
    try {
      return await this.#endpoint().stream(request, handlers);
    } catch (error) {
      this.#members.moveOn();
      throw error;
    }
  }

  /** Follows the members' own list of client addresses. A failure keeps the old list. */
  async refreshMembers(deadline: Deadline): Promise<void> {
    this.#members.refresh();
    await this.#prepare(deadline);
  }

  setCredentials(credentials: EtcdSettings['credentials']): void {
    if (credentials?.username === this.#credentials?.username && credentials?.password === this.#credentials?.password) return;
    this.#credentials = credentials;
    this.#token = undefined;
  }

  /** The next request authenticates again; a watch can't tell a bad token otherwise. */
  forgetToken(): void {
    this.#token = undefined;
  }

  close(): void {
    this.#isClosed = true;
    for (const endpoint of this.#endpoints.values()) endpoint.close();
  }

  /** dcs.md §8.3: each member gets its share; with one or two members the share is split into several attempts. */
  #attemptMs(deadline: Deadline): number {
    const { count } = this.#members;
    const attempts = count === 1 ? 3 : count === 2 ? 4 : count;
    return Math.max(MIN_ATTEMPT_MS, deadline.totalMs / attempts);
  }

  async #prepare(deadline: Deadline): Promise<void> {
    const timeoutMs = (): number => Math.min(this.#attemptMs(deadline), deadline.remainingMs());
    await this.#members.seed(timeoutMs());
    if (!this.#isPrefixSure) {
      this.#prefix = await this.#findPrefix(timeoutMs(), deadline);
      this.#isPrefixSure = true;
    }
    if (this.#credentials !== undefined && this.#token === undefined) await this.#authenticate(timeoutMs(), deadline);
    if (!this.#members.isDiscovered && !this.#options.settings.isProxy) await this.#discover(timeoutMs(), deadline);
  }

  async #findPrefix(timeoutMs: number, deadline: Deadline): Promise<string> {
    const { status, body } = await unsent(
      this.#endpoint().request({ method: 'GET', path: '/version', timeoutMs, signal: deadline.signal, isRepeatable: true }),
    );
    const prefix = status === 200 ? gatewayPrefix(String(parseJsonObject(body)?.['etcdcluster'] ?? '')) : undefined;
    if (prefix === undefined) throw new HttpFailure(`no usable version of etcd: ${body.slice(0, 100)}`, false);
    return prefix;
  }

  async #authenticate(timeoutMs: number, deadline: Deadline): Promise<void> {
    const credentials = this.#credentials;
    const body = { name: credentials?.username, password: credentials?.password };
    let token = '';
    try {
      const { result } = await unsent(this.#exchange('/auth/authenticate', body, timeoutMs, deadline));
      token = String(result['token'] ?? '');
    } catch (error) {
      if (!(error instanceof EtcdError) || error.kind !== 'auth-off') throw error;
    }
    // They may have been changed by a reload meanwhile.
    if (credentials === this.#credentials) this.#token = token;
  }

  async #discover(timeoutMs: number, deadline: Deadline): Promise<void> {
    try {
      this.#members.discover(clientUrls((await unsent(this.#exchange('/cluster/member/list', {}, timeoutMs, deadline))).result));
    } catch (error) {
      if (!(error instanceof EtcdError) || error.kind !== 'refused') throw error;
      this.#options.log.warning(`etcd does not tell its members: ${error.message}`);
      this.#members.discover(undefined);
    }
  }

  #endpoint(): HttpEndpoint {
    const origin = this.#members.base;
    let endpoint = this.#endpoints.get(origin);
    if (endpoint === undefined) {
      endpoint = new HttpEndpoint({ origin, clock: this.#options.clock, tls: this.#options.settings.tls });
      this.#endpoints.set(origin, endpoint);
    }
    return endpoint;
  }

  #headers(): Record<string, string> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (this.#token !== undefined && this.#token !== '') headers['authorization'] = this.#token;
    return headers;
  }

  async #exchange(path: string, body: unknown, timeoutMs: number, deadline: Deadline): Promise<ExchangeResult> {
    const response = await this.#endpoint().request({
      method: 'POST',
      path: `${this.#prefix}${path}`,
      headers: path === '/auth/authenticate' ? { 'content-type': 'application/json' } : this.#headers(),
      body: JSON.stringify(body),
      timeoutMs,
      signal: deadline.signal,
      isRepeatable: IS_HARMLESS_TWICE.has(path),
      maxBodyBytes: MAX_ANSWER_BYTES,
    });
    const error = errorOf(response.status, response.body);
    if (error !== undefined) throw error;
    const document = parseJsonObject(response.body) ?? {};
    const result = isJsonObject(document['result']) ? document['result'] : document;
    this.progress.check(result['header']);
    if (path.startsWith('/kv/') && revisionOf(result) === 0n) throw new EtcdError('unavailable', 'not an answer of etcd: no revision');
    return { result, isAmbiguous: response.isRepeated };
  }

  #unavailable(path: string, deadline: Deadline, cause: Error | undefined): DcsUnavailable {
    this.onFailure();
    const why = this.#isClosed ? 'closed' : (cause?.message ?? 'no time left');
    return new DcsUnavailable(`Etcd is not responding properly: ${path} within ${Math.round(deadline.totalMs)} ms: ${why}`, { cause });
  }

  /** A refusal after an attempt without answer does not say that nothing was done. */
  #doubtful(error: unknown, path: string, deadline: Deadline): unknown {
    if (!(error instanceof EtcdError) || error.kind === 'lease-not-found') return error;
    return this.#unavailable(path, deadline, error);
  }
}

interface ExchangeResult {
  readonly result: JsonObject;
  readonly isAmbiguous: boolean;
}
