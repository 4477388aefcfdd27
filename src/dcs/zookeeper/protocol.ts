import { ErrorCode, ZooKeeperError } from './errors.js';
import { type JuteReader, JuteWriter } from './jute.js';

/** Kinds of requests, as ZooKeeper numbers them. */
export const OpCode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren: 8,
  sync: 9,
  ping: 11,
  check: 13,
  multi: 14,
  multiRead: 22,
  auth: 100,
  addWatch: 106,
  closeSession: -11,
  error: -1,
} as const;

/** Request numbers that answers of a kind of their own carry. */
export const Xid = { event: -1, ping: -2, auth: -4 } as const;

const EPHEMERAL = 1;
const PERSISTENT_RECURSIVE = 1;
/** Any version. */
export const ANY_VERSION = -1;

export interface Acl {
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** What a node says of itself, as far as we use it. */
export interface Stat {
  /** Of the last change; grows over the whole ensemble. */
  readonly mzxid: bigint;
  /** Changes of this node since it was created. */
  readonly version: number;
  /** The session that the node ends with; 0: none. */
  readonly ephemeralOwner: bigint;
  readonly childCount: number;
}

export interface Node {
  readonly data: Buffer;
  readonly stat: Stat;
}

export type Write =
  | { readonly op: 'create'; readonly path: string; readonly data: Buffer; readonly isEphemeral: boolean; readonly acl: readonly Acl[] }
  | { readonly op: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly op: 'delete'; readonly path: string; readonly version: number }
  | { readonly op: 'check'; readonly path: string; readonly version: number };

export type Read = { readonly op: 'get' | 'children'; readonly path: string };
/** One answer of several reads: an error of one is no error of the others. */
export type ReadAnswer =
  | { readonly kind: 'node'; readonly node: Node }
  | { readonly kind: 'children'; readonly names: readonly string[] }
  | { readonly kind: 'error'; readonly code: number };

export interface Request<T> {
  readonly type: number;
  readonly body: JuteWriter;
  /** For messages: `set /service/demo/config`. */
  readonly what: string;
  /** @throws JuteError, ZooKeeperError */
  readonly parse: (answer: JuteReader) => T;
}

function record(write: Write): JuteWriter {
  const body = new JuteWriter().text(write.path);
  switch (write.op) {
    case 'create': {
      body.bytes(write.data).int(write.acl.length);
      for (const { permissions, scheme, id } of write.acl) body.int(permissions).text(scheme).text(id);
      return body.int(write.isEphemeral ? EPHEMERAL : 0);
    }
    case 'set':
      return body.bytes(write.data).int(write.version);
    case 'delete':
    case 'check':
      return body.int(write.version);
  }
}

function typeOf(write: Write): number {
  return write.op === 'set' ? OpCode.setData : OpCode[write.op];
}

/** @returns the node as it is then; of a created or deleted one nothing is told. */
export function writeRequest(write: Write): Request<Stat | undefined> {
  const parse = (answer: JuteReader): Stat | undefined => (write.op === 'set' ? readStat(answer) : undefined);
  return { type: typeOf(write), body: record(write), what: `${write.op} ${write.path}`, parse };
}

function header(type: number, isLast: boolean): JuteWriter {
  return new JuteWriter().int(type).bool(isLast).int(-1);
}

/** All of them or none. @returns nothing; the error of the step that was refused is thrown. */
export function transactionRequest(writes: readonly Write[]): Request<undefined> {
  const body = new JuteWriter();
  for (const write of writes) body.record(header(typeOf(write), false)).record(record(write));
  const what = writes.map(({ op, path }) => `${op} ${path}`).join(', ');
  return { type: OpCode.multi, body: body.record(header(OpCode.error, true)), what, parse: (answer) => readOutcomes(answer, what) };
}

/** A refused transaction names one error, and for the other steps "not reached" or nothing. */
function readOutcomes(answer: JuteReader, what: string): undefined {
  const NOT_REACHED = -2;
  let refusal = 0;
  for (;;) {
    const [type, isLast] = [answer.int(), answer.bool()];
    answer.int();
    if (isLast) break;
    if (type === OpCode.error) {
      const code = answer.int();
      if (code !== 0 && (refusal === 0 || refusal === NOT_REACHED)) refusal = code;
    } else if (type === OpCode.create) answer.text();
    else if (type === OpCode.setData) readStat(answer);
  }
  if (refusal !== 0) throw new ZooKeeperError(refusal, what);
}

/** @param isWatched the next change is told, once. */
export function getRequest(path: string, isWatched = false): Request<Node> {
  return { type: OpCode.getData, body: new JuteWriter().text(path).bool(isWatched), what: `get ${path}`, parse: readNode };
}

export function childrenRequest(path: string, isWatched = false): Request<readonly string[]> {
  const body = new JuteWriter().text(path).bool(isWatched);
  return { type: OpCode.getChildren, body, what: `list ${path}`, parse: (answer) => answer.texts() };
}

/** The appearance of an absent node is told as well, once. */
export function existsRequest(path: string): Request<undefined> {
  return { type: OpCode.exists, body: new JuteWriter().text(path).bool(true), what: `look for ${path}`, parse: () => undefined };
}

/** Several reads in one request (servers from 3.6 on). */
export function readsRequest(reads: readonly Read[]): Request<readonly ReadAnswer[]> {
  const body = new JuteWriter();
  for (const { op, path } of reads) {
    body
      .record(header(op === 'get' ? OpCode.getData : OpCode.getChildren, false))
      .text(path)
      .bool(false);
  }
  const parse = (answer: JuteReader): ReadAnswer[] => {
    const answers: ReadAnswer[] = [];
    for (;;) {
      const [type, isLast] = [answer.int(), answer.bool()];
      answer.int();
      if (isLast) return answers;
      if (type === OpCode.error) answers.push({ kind: 'error', code: answer.int() });
      else if (type === OpCode.getData) answers.push({ kind: 'node', node: readNode(answer) });
      else answers.push({ kind: 'children', names: answer.texts() });
    }
  };
  return { type: OpCode.multiRead, body: body.record(header(OpCode.error, true)), what: `read ${reads.length} nodes`, parse };
}

/** Waits until the server has what the leader of the ensemble has. */
export function syncRequest(path: string): Request<undefined> {
  return { type: OpCode.sync, body: new JuteWriter().text(path), what: `sync ${path}`, parse: () => undefined };
}

/** Tells every change at and below the path, for as long as the connection lasts (servers from 3.6 on). */
export function watchBelowRequest(path: string): Request<undefined> {
  const body = new JuteWriter().text(path).int(PERSISTENT_RECURSIVE);
  return { type: OpCode.addWatch, body, what: `watch ${path}`, parse: () => undefined };
}

function readNode(answer: JuteReader): Node {
  return { data: answer.bytes(), stat: readStat(answer) };
}

function readStat(answer: JuteReader): Stat {
  answer.long();
  const mzxid = answer.long();
  answer.long();
  answer.long();
  const version = answer.int();
  answer.int();
  answer.int();
  const ephemeralOwner = answer.long();
  answer.int();
  const childCount = answer.int();
  answer.long();
  return { mzxid, version, ephemeralOwner, childCount };
}

/** The first message of a connection. A session of 0 asks for a new one. */
export interface Greeting {
  readonly sessionId: bigint;
  readonly password: Buffer;
  readonly timeoutMs: number;
  /** A server that has seen less refuses. */
  readonly seenZxid: bigint;
}

export const NEW_SESSION = { sessionId: 0n, password: Buffer.alloc(16) } as const;

export function writeGreeting({ sessionId, password, timeoutMs, seenZxid }: Greeting): Buffer {
  return new JuteWriter().int(0).long(seenZxid).int(timeoutMs).long(sessionId).bytes(password).bool(false).toBuffer();
}

/** `timeoutMs` 0: the session has ended. */
export function readGreeting(answer: JuteReader): { readonly sessionId: bigint; readonly password: Buffer; readonly timeoutMs: number } {
  answer.int();
  const timeoutMs = answer.int();
  const sessionId = answer.long();
  return { timeoutMs, sessionId, password: Buffer.from(answer.bytes()) };
}

export function isCode(error: unknown, ...codes: readonly (keyof typeof ErrorCode)[]): error is ZooKeeperError {
  return error instanceof ZooKeeperError && codes.some((name) => ErrorCode[name] === error.code);
}
