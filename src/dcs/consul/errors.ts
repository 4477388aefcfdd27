/**
 * What an error answer means for the request (dcs.md §11.2).
 * `unavailable`: it can't be served now, and may have been applied. `session-lost`: the session has ended.
 * `session-ttl`: the session's ttl is below what the server allows. `refused`: understood, and not done.
 */
export type ConsulErrorKind = 'unavailable' | 'session-lost' | 'session-ttl' | 'refused';

/** Consul answered with an error. It says nothing about who owns the leader lock. */
export class ConsulError extends Error {
  override readonly name = 'ConsulError';
  readonly kind: ConsulErrorKind;

  constructor(kind: ConsulErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Classifies an answer that is neither a success nor one of the statuses that the request expects. */
export function errorOf(status: number, body: string): ConsulError {
  const text = body.slice(0, 200).trim();
  return new ConsulError(kindOf(status, text), `status ${status}: ${text || 'no answer text'}`);
}

function kindOf(status: number, text: string): ConsulErrorKind {
  if (/invalid session ttl/i.test(text)) return 'session-ttl';
  if (/^invalid session/i.test(text)) return 'session-lost';
  // A 404 is expected where a key or a session may be missing; elsewhere it comes from something else than Consul.
  return status >= 400 && status < 500 && ![404, 408, 429].includes(status) ? 'refused' : 'unavailable';
}
