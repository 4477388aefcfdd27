import type { StoredKey } from '../../cluster/view.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Deadline } from '../shared/retry.js';
import type { Answer, Attempts, ZooKeeperClient } from './client.js';
import type { Connection } from './connection.js';
import { ConnectionFailure, ErrorCode, ZooKeeperError } from './errors.js';
import {
  type Acl,
  ANY_VERSION,
  childrenRequest,
  existsRequest,
  getRequest,
  isCode,
  type Node,
  type Read,
  type ReadAnswer,
  readsRequest,
  syncRequest,
  transactionRequest,
  type Write,
  writeRequest,
} from './protocol.js';

const SINGLE_KEYS = ['initialize', 'config', 'leader', 'status', 'failover', 'sync', 'history', 'failsafe', 'timeline', 'optime/leader'];
const MEMBERS = 'members';
/** How often a folder that fills up while it is deleted is tried again. */
const MAX_SWEEPS = 5;

/** What a write came to. `version` is the new one, where the key was not deleted. */
export interface Written {
  readonly isDone: boolean;
  readonly isAmbiguous: boolean;
  readonly version: string | undefined;
}

/** The keys of one cluster as nodes below one folder, which is made when something is to be written. */
export class ZooKeeperKeys {
  readonly #client: ZooKeeperClient;
  readonly #folder: string;
  readonly #acl: readonly Acl[];
  #members: readonly string[] = [];
  #hasGroupReads = true;

  /** @param folder of the cluster, without a slash at its end: `/service/demo`. */
  constructor(client: ZooKeeperClient, folder: string, acl: readonly Acl[]) {
    this.#client = client;
    this.#folder = folder;
    this.#acl = acl;
  }

  get folder(): string {
    return this.#folder;
  }

  /** Whether the servers read several nodes in one request, and watch whole folders: from 3.6 on. */
  get hasGroupReads(): boolean {
    return this.#hasGroupReads;
  }

  noteOldServer(): void {
    this.#hasGroupReads = false;
  }

  /** The keys that may be others now that a node was written, created or deleted; undefined: all of them. */
  affectedBy(path: string): readonly string[] | undefined {
    if (path === this.#folder) return undefined;
    if (!path.startsWith(`${this.#folder}/`)) return [];
    const key = path.slice(this.#folder.length + 1);
    const [first, member] = key.split('/');
    // Below a member's key there is nothing that is ours, but with it the member's key is none.
    if (first === MEMBERS && member !== undefined) return [`${MEMBERS}/${member}`];
    return SINGLE_KEYS.includes(key) ? [key] : [];
  }

  /** All keys, as the leader of the ensemble has them now, not only as the server that is asked does. */
  async readFresh(deadline: Deadline): Promise<readonly StoredKey[]> {
    return this.exchange(deadline, async (connection, timeoutMs) => {
      await connection.request(syncRequest(this.#folder), timeoutMs, deadline.signal);
      return this.readAllFrom(connection, timeoutMs, deadline.signal);
    });
  }

  /** Reads keys over one connection, tried again over others. @returns them sorted. @throws as the client's `exchange`; ZooKeeperError */
  async exchange(
    deadline: Deadline,
    ask: (connection: Connection, timeoutMs: number) => Promise<readonly StoredKey[]>,
  ): Promise<readonly StoredKey[]> {
    const keys = await this.#client.exchange(`read ${this.#folder}`, deadline, 'repeat', ask);
    if (keys.kind === 'refused') throw keys.error;
    return [...keys.value].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async readAllFrom(connection: Connection, timeoutMs: number, signal?: AbortSignal): Promise<readonly StoredKey[]> {
    if (!this.#hasGroupReads) return this.#readOneByOne(connection, timeoutMs, signal);
    try {
      return await this.#readGroup(connection, timeoutMs, signal);
    } catch (error) {
      if (!isCode(error, 'unimplemented')) throw error;
      // Such a server ends the connection with its answer; over the next one the old way is used.
      this.noteOldServer();
      throw new ConnectionFailure('this server is older than 3.6: it is read key by key from now on', true);
    }
  }

  /** Those of the keys that exist; for servers that read several nodes in one request. */
  async readFrom(connection: Connection, keys: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<readonly StoredKey[]> {
    const answers = await connection.request(readsRequest(keys.map((key) => this.#readOf(key))), timeoutMs, signal);
    return keysOf(keys, answers);
  }

  /** One key, as the server that is asked has it. */
  async read(key: string, deadline: Deadline): Promise<StoredKey | undefined> {
    const answer = await this.#client.send(getRequest(this.path(key)), deadline, 'repeat');
    if (answer.kind === 'done') return storedKey(key, answer.value);
    if (isCode(answer.error, 'noNode')) return undefined;
    throw answer.error;
  }

  /** Creates a key under the session (`isEphemeral`) or for good, and the folders above. Not done: there is one. */
  async create(key: string, value: string, isEphemeral: boolean, deadline: Deadline, attempts: Attempts): Promise<Written> {
    const request = writeRequest(this.creation(key, value, isEphemeral));
    for (let tries = 0; ; tries += 1) {
      const answer = await this.#client.send(request, deadline, attempts);
      if (answer.kind === 'done') return { isDone: true, isAmbiguous: answer.isAmbiguous, version: '0' };
      if (isCode(answer.error, 'nodeExists')) return { isDone: false, isAmbiguous: answer.isAmbiguous, version: undefined };
      if (!isCode(answer.error, 'noNode') || tries > 0) throw answer.error;
      await this.#createFolders(key, deadline);
    }
  }

  /** Sets a key. @param version only if it still has it; undefined: whatever it holds, and created when it is absent. */
  async set(key: string, value: string, version: string | undefined, deadline: Deadline, attempts: Attempts): Promise<Written> {
    const expected = version === undefined ? ANY_VERSION : Number(version);
    const request = writeRequest({ op: 'set', path: this.path(key), data: Buffer.from(value, 'utf8'), version: expected });
    for (;;) {
      const answer = await this.#client.send(request, deadline, attempts);
      if (answer.kind === 'done') return { isDone: true, isAmbiguous: answer.isAmbiguous, version: String(answer.value?.version) };
      if (version === undefined && isCode(answer.error, 'noNode')) {
        const created = await this.create(key, value, false, deadline, attempts);
        // Somebody else created it in between: it is there to be set.
        if (created.isDone) return created;
        deadline.ensure(1, `set ${key}`);
        continue;
      }
      return notDone(answer, 'noNode', 'badVersion');
    }
  }

  /** @param version undefined: whatever it holds. Not done: it is absent or has another version. */
  async delete(key: string, version: string | undefined, deadline: Deadline, attempts: Attempts): Promise<Written> {
    const expected = version === undefined ? ANY_VERSION : Number(version);
    const answer = await this.#client.send(writeRequest({ op: 'delete', path: this.path(key), version: expected }), deadline, attempts);
    if (answer.kind === 'done') return { isDone: true, isAmbiguous: answer.isAmbiguous, version: undefined };
    return notDone(answer, 'noNode', 'badVersion');
  }

  /** All of them or none. Not done: a node was not as the steps want it. */
  async change(steps: readonly Write[], deadline: Deadline): Promise<Written> {
    const answer = await this.#client.send(transactionRequest(steps), deadline, 'once');
    if (answer.kind === 'done') return { isDone: true, isAmbiguous: answer.isAmbiguous, version: undefined };
    return notDone(answer, 'noNode', 'badVersion', 'nodeExists');
  }

  creation(key: string, value: string, isEphemeral: boolean): Write {
    return { op: 'create', path: this.path(key), data: Buffer.from(value, 'utf8'), isEphemeral, acl: this.#acl };
  }

  async deleteAll(deadline: Deadline): Promise<void> {
    for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) if (await this.#deleteBelow(this.#folder, deadline)) return;
    throw new DcsUnavailable(`${this.#folder} fills up while it is deleted`);
  }

  path(key: string): string {
    return `${this.#folder}/${key}`;
  }

  /** Depth first. @returns false: something was written meanwhile. */
  async #deleteBelow(path: string, deadline: Deadline): Promise<boolean> {
    const children = await this.#client.send(childrenRequest(path), deadline, 'repeat');
    if (children.kind === 'refused') {
      if (isCode(children.error, 'noNode')) return true;
      throw children.error;
    }
    for (const name of children.value) if (!(await this.#deleteBelow(`${path}/${name}`, deadline))) return false;
    const answer = await this.#client.send(writeRequest({ op: 'delete', path, version: ANY_VERSION }), deadline, 'repeat');
    if (answer.kind === 'done' || isCode(answer.error, 'noNode')) return true;
    if (isCode(answer.error, 'notEmpty')) return false;
    throw answer.error;
  }

  async #createFolders(key: string, deadline: Deadline): Promise<void> {
    const names = this.path(key).split('/').slice(1, -1);
    for (let depth = 1; depth <= names.length; depth += 1) {
      const path = `/${names.slice(0, depth).join('/')}`;
      const write = { op: 'create', path, data: Buffer.alloc(0), isEphemeral: false, acl: this.#acl } as const;
      const answer = await this.#client.send(writeRequest(write), deadline, 'repeat');
      // Who may not create a folder that is there is told so only by what comes below it.
      const isThere = answer.kind === 'done' || isCode(answer.error, 'nodeExists') || isCode(answer.error, 'noAuth');
      if (!isThere) throw answer.error;
    }
  }

  /** Members that nobody knew of cost a second request. */
  async #readGroup(connection: Connection, timeoutMs: number, signal: AbortSignal | undefined): Promise<readonly StoredKey[]> {
    const known = this.#members;
    const keys = [...SINGLE_KEYS, ...known.map((name) => `${MEMBERS}/${name}`)];
    const reads: Read[] = [{ op: 'children', path: this.path(MEMBERS) }, ...keys.map((key) => this.#readOf(key))];
    const [list, ...answers] = await connection.request(readsRequest(reads), timeoutMs, signal);
    if (list?.kind === 'error' && list.code !== ErrorCode.noNode) throw new ZooKeeperError(list.code, 'list the members');
    const names = list?.kind === 'children' ? list.names : [];
    const found = keysOf(keys, answers);
    const more = names.filter((name) => !known.includes(name)).map((name) => `${MEMBERS}/${name}`);
    this.#members = names;
    if (more.length === 0) return found;
    return [...found, ...(await this.readFrom(connection, more, timeoutMs, signal))];
  }

  /** Reads what is there, and asks to be told once of the next change of each. */
  async #readOneByOne(connection: Connection, timeoutMs: number, signal: AbortSignal | undefined): Promise<readonly StoredKey[]> {
    const list = (path: string): Promise<readonly string[]> =>
      connection.request(childrenRequest(path, true), timeoutMs, signal).catch(unlessMissing([]));
    const appearance = connection.request(existsRequest(this.#folder), timeoutMs, signal).catch(unlessMissing(undefined));
    const [top, members] = await Promise.all([list(this.#folder), list(this.path(MEMBERS)), appearance]);
    const keys = [
      ...SINGLE_KEYS.filter((key) => top.includes(key) || (key === 'optime/leader' && top.includes('optime'))),
      ...members.map((name) => `${MEMBERS}/${name}`),
    ];
    const nodes = await Promise.all(
      keys.map((key) => connection.request(getRequest(this.path(key), true), timeoutMs, signal).catch(unlessMissing(undefined))),
    );
    return keys.flatMap((key, i) => {
      const node = nodes[i];
      return node === undefined ? [] : (memberOrKey(key, node) ?? []);
    });
  }

  #readOf(key: string): Read {
    return { op: 'get', path: this.path(key) };
  }
}

function keysOf(keys: readonly string[], answers: readonly ReadAnswer[]): StoredKey[] {
  return keys.flatMap((key, i) => {
    const answer = answers[i];
    if (answer?.kind === 'node') return memberOrKey(key, answer.node) ?? [];
    if (answer?.kind === 'error' && answer.code === ErrorCode.noNode) return [];
    // An error of one key must not look like its absence.
    throw answer?.kind === 'error' ? new ZooKeeperError(answer.code, `read ${key}`) : new DcsUnavailable(`read ${key}: no answer`);
  });
}

/** A node with nodes below it is a folder: the key of a member is ephemeral and can't have any. */
function memberOrKey(key: string, node: Node): StoredKey | undefined {
  return key.startsWith(`${MEMBERS}/`) && node.stat.childCount > 0 ? undefined : storedKey(key, node);
}

export function storedKey(key: string, { data, stat }: Node): StoredKey {
  const stored = { key, value: data.toString('utf8'), version: String(stat.version), modifyVersion: String(stat.mzxid) };
  return stat.ephemeralOwner === 0n ? stored : { ...stored, session: String(stat.ephemeralOwner) };
}

function unlessMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isCode(error, 'noNode')) return value;
    throw error;
  };
}

function notDone(answer: Answer<unknown>, ...codes: readonly (keyof typeof ErrorCode)[]): Written {
  if (answer.kind === 'refused' && !isCode(answer.error, ...codes)) throw answer.error;
  return { isDone: false, isAmbiguous: answer.isAmbiguous, version: undefined };
}
