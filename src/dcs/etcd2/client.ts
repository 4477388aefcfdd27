import type { JsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import type { ResolveService } from '../shared/dns.js';
import { findSeeds } from '../shared/etcd/discovery.js';
import { MemberList } from '../shared/etcd/member-list.js';
import type { EtcdSettings } from '../shared/etcd/settings.js';
import { AnswerTooLarge, HttpEndpoint, HttpFailure, type HttpResponse, type StreamHandlers } from '../shared/http-client.js';
import type { Deadline } from '../shared/retry.js';
import { EtcdV2Error, readAnswer } from './answer.js';

/** Values may be 1 MB each. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MIN_ATTEMPT_MS = 1000;

export interface EtcdV2Answer {
  readonly body: JsonObject;
  /** The store's index as of the answer: of a write, the new version of its key. */
  readonly index: bigint;
  /** An earlier attempt went without answer: it may have been applied as well. */
  readonly isAmbiguous: boolean;
}

export interface EtcdV2Request {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Below `/v2`, not encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  /** `repeat`: on every member until the budget is used up. `once`: a request that may have been seen is not sent again. */
  readonly attempts: 'repeat' | 'once';
}

/** A refusal, with the knowledge of whether an earlier attempt may have been applied. */
export class EtcdV2Refusal extends Error {
  override readonly name = 'EtcdV2Refusal';
  readonly code: number;
  readonly isAmbiguous: boolean;

  constructor(cause: EtcdV2Error, isAmbiguous: boolean) {
    super(cause.message, { cause });
    this.code = cause.code;
    this.isAmbiguous = isAmbiguous;
  }
}

export interface EtcdV2ClientOptions {
  readonly settings: EtcdSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly resolveService?: ResolveService;
}

/** Requests to an etcd cluster by its v2 API: fail-over between members, and which answers count. */
export class EtcdV2Client {
  readonly #options: EtcdV2ClientOptions;
  readonly #endpoints = new Map<string, HttpEndpoint>();
  readonly #members: MemberList;
  #credentials: EtcdSettings['credentials'];
  #clusterId: string | undefined;
  #raftTerm = 0n;
  #isClosed = false;
  /** Called when a member did not answer: a stream of it may be silent from here on. */
  onFailure: () => void = () => undefined;

  constructor(options: EtcdV2ClientOptions) {
    const { settings, clock, random, resolveService } = options;
    this.#options = options;
    this.#credentials = settings.credentials;
    this.#members = new MemberList(random, (timeoutMs) => findSeeds(settings, { clock, timeoutMs }, resolveService));
  }

  /** @throws EtcdV2Refusal for an answer that is an error; DcsUnavailable when there is none. */
  async send(request: EtcdV2Request, deadline: Deadline): Promise<EtcdV2Answer> {
    const attemptMs = this.#attemptMs(deadline);
    let isAmbiguous = false;
    let lastError: Error | undefined;
    for (;;) {
      for (let tried = 0; tried < this.#members.count; tried += 1) {
        if (deadline.remainingMs() <= 0 || this.#isClosed) throw this.#unavailable(request, deadline, lastError);
        try {
          await this.#prepare(deadline);
          const answer = await this.#exchange(request, Math.min(attemptMs, deadline.remainingMs()), deadline.signal);
          // A member was left for another one: it may not come back, and others may be there (dcs.md §8.2).
          if (tried > 0) this.#members.refresh();
          return { ...answer, isAmbiguous: isAmbiguous || answer.isAmbiguous };
        } catch (error) {
          if (error instanceof EtcdV2Error && !error.isUnavailable) throw new EtcdV2Refusal(error, isAmbiguous);
          if (!(error instanceof EtcdV2Error || error instanceof HttpFailure)) throw error;
          if (error instanceof AnswerTooLarge) throw this.#unavailable(request, deadline, error);
          lastError = error;
          this.#members.moveOn();
          this.onFailure();
          if (error instanceof HttpFailure && !error.wasSent) continue;
          isAmbiguous = true;
          if (request.attempts === 'once') throw this.#unavailable(request, deadline, lastError);
        }
      }
      this.#members.forget();
      if (request.attempts === 'once' || !(await deadline.pause())) throw this.#unavailable(request, deadline, lastError);
    }
  }

  /**
   * Opens a stream of all changes below a path, from now on, at the current member.
   * @throws HttpFailure, EtcdV2Error, DcsUnavailable
   */
  async follow(path: string, deadline: Deadline, handlers: StreamHandlers): Promise<{ close(): void }> {
    await this.#prepare(deadline);
    const query = new URLSearchParams({ wait: 'true', recursive: 'true', stream: 'true' });
    const request = { method: 'GET', path: `/v2/keys${encodeURI(path)}?${query}`, headers: this.#headers() };
    return this.#endpoint().stream({ ...request, timeoutMs: deadline.remainingMs(), signal: deadline.signal }, handlers);
  }

  /** The member that a watch waits at does not answer. */
  moveOn(): void {
    this.#members.moveOn();
  }

  /** The next request asks the members for their list. */
  refreshMembers(): void {
    this.#members.refresh();
  }

  setCredentials(credentials: EtcdSettings['credentials']): void {
    this.#credentials = credentials;
  }

  close(): void {
    this.#isClosed = true;
    for (const endpoint of this.#endpoints.values()) endpoint.close();
  }

  /** dcs.md §8.3. */
  #attemptMs(deadline: Deadline): number {
    const { count } = this.#members;
    const attempts = count === 1 ? 3 : count === 2 ? 4 : count;
    return Math.max(MIN_ATTEMPT_MS, deadline.totalMs / attempts);
  }

  async #prepare(deadline: Deadline): Promise<void> {
    const timeoutMs = Math.min(this.#attemptMs(deadline), deadline.remainingMs());
    await this.#members.seed(timeoutMs);
    if (this.#members.isDiscovered || this.#options.settings.isProxy) return;
    const { status, body } = await this.#endpoint().request({
      method: 'GET',
      path: '/v2/machines',
      headers: this.#headers(),
      timeoutMs,
      signal: deadline.signal,
      isRepeatable: true,
    });
    if (status !== 200) throw new HttpFailure(`no list of etcd members: status ${status}: ${body.slice(0, 100).trim()}`, false);
    this.#members.discover(body.split(',').map((url) => url.trim()));
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
    const credentials = this.#credentials;
    if (credentials === undefined) return {};
    return { authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}` };
  }

  async #exchange(request: EtcdV2Request, timeoutMs: number, signal: AbortSignal | undefined): Promise<EtcdV2Answer> {
    const { method, path, query, form } = request;
    const search = query === undefined ? '' : `?${new URLSearchParams(query)}`;
    const response = await this.#endpoint().request({
      method,
      path: `/v2/keys${encodeURI(path)}${search}`,
      headers: { ...this.#headers(), ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }) },
      ...(form === undefined ? {} : { body: String(new URLSearchParams(form)) }),
      timeoutMs,
      signal,
      isRepeatable: method === 'GET',
      maxBodyBytes: MAX_ANSWER_BYTES,
    });
    this.#check(response);
    return { body: readAnswer(response.status, response.body), index: integer(response, 'x-etcd-index'), isAmbiguous: response.isRepeated };
  }

  /** An answer of a member that is behind counts as none (dcs.md §8.5). */
  #check(response: HttpResponse): void {
    const clusterId = response.headers['x-etcd-cluster-id'];
    const term = integer(response, 'x-raft-term');
    if (typeof clusterId !== 'string' || term === 0n) return;
    if (clusterId !== this.#clusterId) {
      if (this.#clusterId !== undefined) this.#options.log.warning(`etcd cluster id changed from ${this.#clusterId} to ${clusterId}`);
      this.#clusterId = clusterId;
      this.#raftTerm = term;
    }
    if (term < this.#raftTerm) throw new EtcdV2Error(0, `answer of raft term ${term}, ${this.#raftTerm} is known`);
    this.#raftTerm = term;
  }

  #unavailable(request: EtcdV2Request, deadline: Deadline, cause: Error | undefined): DcsUnavailable {
    const why = this.#isClosed ? 'closed' : (cause?.message ?? 'no time left');
    const what = `${request.method} ${request.path} within ${Math.round(deadline.totalMs)} ms`;
    return new DcsUnavailable(`Etcd is not responding properly: ${what}: ${why}`, { cause });
  }
}

function integer(response: HttpResponse, header: string): bigint {
  const text = String(response.headers[header] ?? '');
  return /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}
