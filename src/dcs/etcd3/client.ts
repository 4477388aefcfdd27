import { isJsonObject, type JsonObject, parseJsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { HttpEndpoint, HttpFailure, type StreamHandlers } from '../shared/http-client.js';
import type { Deadline } from '../shared/retry.js';
import { EtcdError, errorOf } from './errors.js';
import { type EtcdSettings, findSeeds } from './settings.js';

/** Values may be 1 MB each, and base64 adds a third; a bound is still needed. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** No attempt is shorter than this while the budget allows: less would fail on a busy server. */
const MIN_ATTEMPT_MS = 1000;
/** Two renewals of the token within one request: more would only hammer a server that refuses. */
const MAX_AUTHENTICATIONS = 2;

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
}

/** Requests to an etcd cluster through its JSON gateway: finding members, fail-over between them, authentication. */
export class EtcdClient {
  readonly #options: EtcdClientOptions;
  readonly #endpoints = new Map<string, HttpEndpoint>();
  #members: readonly string[] = [];
  #base = 0;
  #areMembersKnown = false;
  #prefix: string | undefined;
  #credentials: EtcdSettings['credentials'];
  #token: string | undefined;
  #clusterId: string | undefined;
  #raftTerm = 0n;
  /** The highest revision that any answer has told: a cache that is behind it may be stale. */
  heardRevision = 0n;
  /** Called when a request got no answer: what is known of the store may be stale from here on. */
  onFailure: () => void = () => undefined;

  constructor(options: EtcdClientOptions) {
    this.#options = options;
    this.#credentials = options.settings.credentials;
  }

  /** @throws EtcdError for an answer that is an error; DcsUnavailable when there is none. */
  async post(path: string, body: unknown, deadline: Deadline, attempts: Attempts): Promise<EtcdAnswer> {
    let isAmbiguous = false;
    let authentications = 0;
    let lastError: Error | undefined;
    const attemptMs = this.#attemptMs(deadline);
    for (;;) {
      const count = Math.max(1, this.#members.length);
      for (let tried = 0; tried < count; ) {
        if (deadline.remainingMs() <= 0) throw this.#unavailable(path, deadline, lastError);
        try {
          await this.#prepare(deadline);
          const answer = await this.#exchange(this.#member(), path, body, Math.min(attemptMs, deadline.remainingMs()), deadline);
          return { body: answer, isAmbiguous };
        } catch (error) {
          const verdict = classify(error);
          if (verdict === 'final') throw error;
          lastError = error as Error;
          if (verdict === 'authenticate') {
            this.#token = undefined;
            authentications += 1;
            if (this.#credentials === undefined || authentications > MAX_AUTHENTICATIONS) throw new EtcdError('refused', lastError.message);
            continue;
          }
          tried += 1;
          this.#base += 1;
          if (verdict === 'not-sent') continue;
          isAmbiguous = true;
          if (attempts === 'once') throw this.#unavailable(path, deadline, lastError);
        }
      }
      // Names and members may have changed while nobody answered.
      this.#forgetMembers();
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
    };
    try {
      return await this.#endpoint(this.#member()).stream(request, handlers);
    } catch (error) {
      this.#base += 1;
      throw error;
    }
  }

  /** Follows the members' own list of client addresses. A failure keeps the old list. */
  async refreshMembers(deadline: Deadline): Promise<void> {
    this.#areMembersKnown = false;
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
    for (const endpoint of this.#endpoints.values()) endpoint.close();
  }

  /** dcs.md §8.3: each member gets its share; with one or two members the share is split into several attempts. */
  #attemptMs(deadline: Deadline): number {
    const count = Math.max(1, this.#members.length);
    const attempts = count === 1 ? 3 : count === 2 ? 4 : count;
    return Math.max(MIN_ATTEMPT_MS, deadline.totalMs / attempts);
  }

  async #prepare(deadline: Deadline): Promise<void> {
    const timeoutMs = (): number => Math.min(this.#attemptMs(deadline), deadline.remainingMs());
    if (this.#members.length === 0) this.#members = shuffled(await findSeeds(this.#options.settings), this.#options.random);
    if (this.#members.length === 0) throw new HttpFailure('no address of an etcd server', false);
    this.#prefix ??= await this.#findPrefix(timeoutMs(), deadline);
    if (this.#credentials !== undefined && this.#token === undefined) await this.#authenticate(timeoutMs(), deadline);
    if (!this.#areMembersKnown && !this.#options.settings.isProxy) await this.#findMembers(timeoutMs(), deadline);
  }

  async #findPrefix(timeoutMs: number, deadline: Deadline): Promise<string> {
    const response = await unsent(
      this.#endpoint(this.#member()).request({ method: 'GET', path: '/version', timeoutMs, signal: deadline.signal, isRepeatable: true }),
    );
    const version = String(parseJsonObject(response.body)?.['etcdcluster'] ?? '');
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (response.status !== 200 || !(major >= 3)) throw new HttpFailure(`no usable version of etcd: ${response.body.slice(0, 100)}`, false);
    if (major > 3 || minor >= 4) return '/v3';
    return minor === 3 ? '/v3beta' : '/v3alpha';
  }

  async #authenticate(timeoutMs: number, deadline: Deadline): Promise<void> {
    try {
      const body = { name: this.#credentials?.username, password: this.#credentials?.password };
      const answer = await unsent(this.#exchange(this.#member(), '/auth/authenticate', body, timeoutMs, deadline));
      this.#token = String(answer['token'] ?? '');
    } catch (error) {
      if (!(error instanceof EtcdError) || error.kind !== 'auth-off') throw error;
      this.#token = '';
    }
  }

  async #findMembers(timeoutMs: number, deadline: Deadline): Promise<void> {
    const current = this.#member();
    const answer = await unsent(this.#exchange(current, '/cluster/member/list', {}, timeoutMs, deadline));
    const members = Array.isArray(answer['members']) ? answer['members'] : [];
    const urls = members.flatMap((member) =>
      isJsonObject(member) && Array.isArray(member['clientURLs']) ? member['clientURLs'].map(String) : [],
    );
    this.#areMembersKnown = true;
    const known = [...new Set(urls.map((url) => url.replace(/\/+$/, '')))];
    if (known.length === 0) return;
    // The member that just answered stays the base, so that discovery does not move everybody to the same one.
    const others = shuffled(
      known.filter((url) => url !== current),
      this.#options.random,
    );
    this.#members = known.includes(current) ? [current, ...others] : others;
    this.#base = 0;
  }

  #forgetMembers(): void {
    this.#members = [];
    this.#areMembersKnown = false;
    this.#prefix = undefined;
  }

  #member(): string {
    return this.#members[this.#base % this.#members.length] ?? '';
  }

  #endpoint(origin: string): HttpEndpoint {
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

  async #exchange(member: string, path: string, body: unknown, timeoutMs: number, deadline: Deadline): Promise<JsonObject> {
    const response = await this.#endpoint(member).request({
      method: 'POST',
      path: `${this.#prefix}${path}`,
      headers: path === '/auth/authenticate' ? { 'content-type': 'application/json' } : this.#headers(),
      body: JSON.stringify(body),
      timeoutMs,
      signal: deadline.signal,
      maxBodyBytes: MAX_ANSWER_BYTES,
    });
    const error = errorOf(response.status, response.body);
    if (error !== undefined) throw error;
    const document = parseJsonObject(response.body) ?? {};
    const result = isJsonObject(document['result']) ? document['result'] : document;
    this.checkHeader(result['header']);
    return result;
  }

  /** Remembers how far the cluster is, and refuses a member that is behind (dcs.md §8.5). @throws EtcdError */
  checkHeader(header: unknown): void {
    if (!isJsonObject(header)) return;
    const clusterId = String(header['cluster_id'] ?? '');
    const term = BigInt(String(header['raft_term'] ?? '0'));
    const revision = BigInt(String(header['revision'] ?? '0'));
    if (clusterId !== this.#clusterId) {
      if (this.#clusterId !== undefined) this.#options.log.warning(`etcd cluster id changed from ${this.#clusterId} to ${clusterId}`);
      this.#clusterId = clusterId;
      this.#raftTerm = term;
      this.heardRevision = revision;
      return;
    }
    if (term !== 0n && term < this.#raftTerm) throw new EtcdError('unavailable', `answer of raft term ${term}, ${this.#raftTerm} is known`);
    if (term > this.#raftTerm) this.#raftTerm = term;
    if (revision > this.heardRevision) this.heardRevision = revision;
  }

  get raftTerm(): bigint {
    return this.#raftTerm;
  }

  #unavailable(path: string, deadline: Deadline, cause: Error | undefined): DcsUnavailable {
    this.onFailure();
    const why = cause?.message ?? 'no time left';
    return new DcsUnavailable(`Etcd is not responding properly: ${path} within ${Math.round(deadline.totalMs)} ms: ${why}`, { cause });
  }
}

/** Marks failures of a step before the request itself: the request has certainly not been seen. */
async function unsent<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof HttpFailure) throw new HttpFailure(error.message, false, error);
    if (error instanceof EtcdError && (error.kind === 'unavailable' || error.kind === 'repeat'))
      throw new HttpFailure(error.message, false, error);
    throw error;
  }
}

function classify(error: unknown): 'final' | 'authenticate' | 'not-sent' | 'unknown' {
  if (error instanceof HttpFailure) return error.wasSent ? 'unknown' : 'not-sent';
  if (!(error instanceof EtcdError)) return 'final';
  if (error.kind === 'auth') return 'authenticate';
  return error.kind === 'unavailable' || error.kind === 'repeat' ? 'unknown' : 'final';
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
