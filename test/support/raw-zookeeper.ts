import { Connection, type Credential, SessionEnded } from '../../src/dcs/zookeeper/connection.js';
import { type Acl, getRequest, isCode, NEW_SESSION, type Node, type Write, writeRequest } from '../../src/dcs/zookeeper/protocol.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import { javaRandomBytes } from './java-random.js';

const TIMEOUT_MS = 5000;
/** ZooKeeper 3.8.0 may forget to apply a write until something else arrives (ZOOKEEPER-4537): pings wake it, as those of any client. */
const PING_MS = 250;
/** What a server makes the password of a session from, together with its number. */
const SESSION_SEED = 0xb3415c00n;
const OPEN: readonly Acl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];

/** A connection past the client under test, with a session of its own. */
export class RawZooKeeper {
  readonly connection: Connection;
  readonly #acl: readonly Acl[];

  private constructor(connection: Connection, acl: readonly Acl[]) {
    this.connection = connection;
    this.#acl = acl;
  }

  static async connect(
    port: number,
    options: {
      readonly credentials?: readonly Credential[];
      readonly acl?: readonly Acl[];
      readonly timeoutMs?: number;
      /** Of somebody else, whose connection ends by that. */
      readonly session?: bigint;
    } = {},
  ): Promise<RawZooKeeper> {
    const connection = await Connection.open({
      server: { host: '127.0.0.1', name: '127.0.0.1', port },
      tls: undefined,
      clock: nodeClock,
      greeting: { ...sessionOf(options.session), timeoutMs: options.timeoutMs ?? 60_000, seenZxid: 0n },
      credentials: options.credentials ?? [],
      timeoutMs: TIMEOUT_MS,
      signal: new AbortController().signal,
      onChange: () => undefined,
    });
    return new RawZooKeeper(connection, options.acl ?? OPEN);
  }

  /** Sets a node, and makes it and the folders above where they are missing. */
  async put(path: string, value: string | Buffer, isEphemeral = false): Promise<void> {
    const data = Buffer.from(value);
    const parts = path.split('/').slice(1, -1);
    for (let depth = 1; depth <= parts.length; depth += 1)
      await this.#create(`/${parts.slice(0, depth).join('/')}`, Buffer.alloc(0), false);
    if (await this.#create(path, data, isEphemeral)) return;
    await this.send({ op: 'set', path, data, version: -1 });
  }

  async get(path: string): Promise<Node | undefined> {
    return this.connection.request(getRequest(path), TIMEOUT_MS).catch((error: unknown) => {
      if (isCode(error, 'noNode')) return undefined;
      throw error;
    });
  }

  async delete(path: string): Promise<void> {
    await this.send({ op: 'delete', path, version: -1 });
  }

  async send(write: Write): Promise<void> {
    const pings = setInterval(() => this.connection.ping(), PING_MS);
    try {
      await this.connection.request(writeRequest(write), TIMEOUT_MS);
    } finally {
      clearInterval(pings);
    }
  }

  /** Ends the session, with its ephemeral nodes. */
  close(): Promise<void> {
    return this.connection.endSession(TIMEOUT_MS);
  }

  async #create(path: string, data: Buffer, isEphemeral: boolean): Promise<boolean> {
    try {
      await this.send({ op: 'create', path, data, isEphemeral, acl: this.#acl });
      return true;
    } catch (error) {
      if (isCode(error, 'nodeExists')) return false;
      throw error;
    }
  }
}

/** Closes a session in its owner's name. Who comes back on it before that is through ends this connection: then once more. */
export async function endSession(port: number, session: bigint): Promise<void> {
  for (;;) {
    const thief = await RawZooKeeper.connect(port, { session }).catch((error: unknown) => {
      if (!(error instanceof SessionEnded)) throw error;
    });
    if (thief === undefined) return;
    await thief.close();
  }
}

function sessionOf(id: bigint | undefined): { readonly sessionId: bigint; readonly password: Buffer } {
  return id === undefined ? NEW_SESSION : { sessionId: id, password: javaRandomBytes(id ^ SESSION_SEED, 16) };
}
