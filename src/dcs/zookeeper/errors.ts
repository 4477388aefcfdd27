import type { Verdict } from '../shared/outcomes.js';

/** Error codes of ZooKeeper's answers that mean something to us. */
export const ErrorCode = {
  unimplemented: -6,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  ephemeralParent: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  invalidAcl: -114,
  authFailed: -115,
  sessionMoved: -118,
} as const;

const NAMES = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]));
/** Understood and not done: repeating it would change nothing. */
const REFUSALS: ReadonlySet<number> = new Set([
  ErrorCode.noNode,
  ErrorCode.noAuth,
  ErrorCode.badVersion,
  ErrorCode.ephemeralParent,
  ErrorCode.nodeExists,
  ErrorCode.notEmpty,
  ErrorCode.invalidAcl,
]);

/** ZooKeeper answered a request with an error. It says nothing about who owns the leader lock. */
export class ZooKeeperError extends Error {
  override readonly name = 'ZooKeeperError';
  readonly code: number;

  constructor(code: number, what: string) {
    super(`${what}: ${NAMES.get(code) ?? `error ${code}`}`);
    this.code = code;
  }

  get isRefusal(): boolean {
    return REFUSALS.has(this.code);
  }

  /** The connection or its session is no more: another one may be asked. */
  get isOfSession(): boolean {
    return this.code === ErrorCode.sessionExpired || this.code === ErrorCode.sessionMoved;
  }
}

/** Not sent: ZooKeeper would end the connection instead of answering. */
export class ValueTooLarge extends Error {
  override readonly name = 'ValueTooLarge';
}

/** No usable connection, or it ended before the answer. `wasSent` false: no server has seen the request. */
export class ConnectionFailure extends Error {
  override readonly name = 'ConnectionFailure';
  readonly wasSent: boolean;

  constructor(message: string, wasSent: boolean) {
    super(message);
    this.wasSent = wasSent;
  }
}

/** What an error says of a write. */
export function verdictOf(error: unknown): Verdict | undefined {
  if (error instanceof ValueTooLarge) return 'refused';
  if (error instanceof ZooKeeperError) return error.isRefusal ? 'refused' : 'unknown';
  return error instanceof ConnectionFailure ? 'unknown' : undefined;
}
