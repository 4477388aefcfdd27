/** A key as the gateway writes it. */
interface ModelKey {
  readonly key: string;
  readonly value: string;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly lease?: string;
}

interface ModelEvent {
  readonly type?: 'DELETE';
  readonly kv: Partial<ModelKey>;
}

type Document = Readonly<Record<string, unknown>>;

/** The little of etcd that a client of ours needs, in memory and without time. Keys are as on the wire, in base64. */
export class EtcdModel {
  clusterId = '77';
  raftTerm = 5n;
  revision = 1n;
  readonly members: string[] = [];
  readonly keys = new Map<string, ModelKey>();
  readonly leases = new Set<string>();
  /** With a password, requests need the token that it gives; `forgetTokens` makes the next one differ. */
  password: string | undefined;
  #tokens = 0;
  #leaseCount = 0n;
  readonly #history: { readonly revision: bigint; readonly event: ModelEvent }[] = [];
  readonly #followers = new Set<(event: ModelEvent) => void>();

  header(): Document {
    return { cluster_id: this.clusterId, member_id: '1', revision: String(this.revision), raft_term: String(this.raftTerm) };
  }

  forgetTokens(): void {
    this.#tokens += 1;
  }

  get(path: string): { readonly value: string; readonly lease: string | undefined } | undefined {
    const found = this.keys.get(Buffer.from(path).toString('base64'));
    return found && { value: Buffer.from(found.value, 'base64').toString(), lease: found.lease };
  }

  /** A write of somebody else's. */
  put(path: string, value: string, lease?: string): void {
    this.#put({ key: Buffer.from(path).toString('base64'), value: Buffer.from(value).toString('base64'), ...(lease && { lease }) });
  }

  expire(lease: string): void {
    this.leases.delete(lease);
    for (const stored of [...this.keys.values()]) if (stored.lease === lease) this.#delete({ key: stored.key });
  }

  answer(path: string, body: Document, authorization?: string): { readonly status: number; readonly document: Document } {
    if (this.password !== undefined && path === '/auth/authenticate') return this.#authenticate(body);
    if (this.password !== undefined && authorization !== `token${this.#tokens}`) {
      return { status: 401, document: { error: 'etcdserver: invalid auth token', code: 16 } };
    }
    const answer = this.#operation(path, body);
    if (answer === undefined) return { status: 404, document: { error: 'etcdserver: requested lease not found', code: 5 } };
    return { status: 200, document: { header: this.header(), ...answer } };
  }

  follow(start: bigint, tell: (event: ModelEvent) => void): () => void {
    for (const { revision, event } of this.#history) if (revision >= start) tell(event);
    this.#followers.add(tell);
    return () => this.#followers.delete(tell);
  }

  #authenticate(body: Document): { readonly status: number; readonly document: Document } {
    if (body['password'] === this.password) return { status: 200, document: { header: this.header(), token: `token${this.#tokens}` } };
    return { status: 400, document: { error: 'etcdserver: authentication failed, invalid user ID or password', code: 3 } };
  }

  /** Undefined: the lease does not exist. */
  #operation(path: string, body: Document): Document | undefined {
    switch (path) {
      case '/cluster/member/list':
        return { members: this.members.map((url) => ({ clientURLs: [url] })) };
      case '/lease/grant': {
        this.#leaseCount += 1n;
        const id = String(7587000000000000000n + this.#leaseCount);
        this.leases.add(id);
        return { ID: id, TTL: body['TTL'] };
      }
      case '/lease/keepalive': {
        const isAlive = this.leases.has(String(body['ID']));
        return { result: { header: this.header(), ID: body['ID'], ...(isAlive && { TTL: '10' }) } };
      }
      case '/kv/range':
        return this.#range(body);
      case '/kv/put':
        return this.#put(body) ? { header: this.header() } : undefined;
      case '/kv/deleterange':
        this.#delete(body);
        return { header: this.header() };
      case '/kv/txn':
        return this.#transact(body);
      default:
        throw new Error(`the model does not know ${path}`);
    }
  }

  #range(body: Document): Document {
    const decode = (text: unknown): string => Buffer.from(String(text), 'base64').toString('latin1');
    const [from, to] = [decode(body['key']), body['range_end'] === undefined ? undefined : decode(body['range_end'])];
    const found = [...this.keys.values()].filter(({ key }) =>
      to === undefined ? decode(key) === from : decode(key) >= from && decode(key) < to,
    );
    const least = BigInt(String(body['min_mod_revision'] ?? '0'));
    const kvs = found.filter((stored) => BigInt(stored.mod_revision) >= least);
    return { ...(kvs.length > 0 && { kvs }), ...(found.length > 0 && { count: String(found.length) }) };
  }

  #put(body: Document): boolean {
    const lease = body['lease'] === undefined ? undefined : String(body['lease']);
    if (lease !== undefined && !this.leases.has(lease)) return false;
    this.revision += 1n;
    const key = String(body['key']);
    const now = String(this.revision);
    const created = this.keys.get(key)?.create_revision ?? now;
    const stored = { key, value: String(body['value']), create_revision: created, mod_revision: now, ...(lease && { lease }) };
    this.keys.set(key, stored);
    this.#tell({ kv: stored });
    return true;
  }

  #delete(body: Document): void {
    if (!this.keys.delete(String(body['key']))) return;
    this.revision += 1n;
    this.#tell({ type: 'DELETE', kv: { key: String(body['key']), mod_revision: String(this.revision) } });
  }

  #tell(event: ModelEvent): void {
    this.#history.push({ revision: this.revision, event });
    for (const tell of this.#followers) tell(event);
  }

  #transact(body: Document): Document | undefined {
    const isMet = (body['compare'] as readonly Document[]).every((compare) => this.#isMet(compare));
    const operations = ((isMet ? body['success'] : body['failure']) ?? []) as readonly Document[];
    const responses: Document[] = [];
    for (const operation of operations) {
      const [kind, argument] = Object.entries(operation)[0] as [string, Document];
      const path = { request_put: '/kv/put', request_delete_range: '/kv/deleterange', request_range: '/kv/range', request_txn: '/kv/txn' }[
        kind
      ];
      const answer = this.#operation(path ?? kind, argument);
      if (answer === undefined) return undefined;
      responses.push({ [kind.replace('request', 'response')]: answer });
    }
    // The gateway leaves out what is false or empty.
    return { header: this.header(), ...(isMet && { succeeded: true }), ...(responses.length > 0 && { responses }) };
  }

  #isMet(compare: Document): boolean {
    const stored = this.keys.get(String(compare['key']));
    if (compare['target'] === 'CREATE') return stored === undefined;
    if (compare['target'] === 'MOD') return (stored?.mod_revision ?? '0') === compare['mod_revision'];
    return stored?.value === compare['value'];
  }
}
