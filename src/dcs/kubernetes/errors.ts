import { pythonRepr } from '../../base/python-values.js';
import { DcsSettingError } from '../../ports/dcs.js';
import type { Verdict } from '../shared/outcomes.js';

/**
 * What an error answer means for the request (dcs.md §14.3).
 * `unavailable`: it can't be served now, and may have been applied. `denied`: the credentials do not suffice.
 * `conflict`: the object is there already, or has another resourceVersion. `absent`: there is no such object.
 * `gone`: the resourceVersion of a watch is too old. `refused`: understood, and not done.
 */
export type KubernetesErrorKind = 'unavailable' | 'denied' | 'conflict' | 'absent' | 'gone' | 'refused';

/** The API answered with an error. It says nothing about who owns the leader lock. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly kind: KubernetesErrorKind;
  readonly status: number;
  /** What the server asks to wait before the request is repeated. */
  readonly retryAfterMs: number | undefined;
  /** Of a conflict: an earlier attempt of the same request was not answered, and may be what it conflicts with. */
  readonly isAmbiguous: boolean;

  constructor(
    kind: KubernetesErrorKind,
    message: string,
    options: { readonly status?: number; readonly retryAfterMs?: number; readonly isAmbiguous?: boolean } = {},
  ) {
    super(message);
    this.kind = kind;
    this.status = options.status ?? 0;
    this.retryAfterMs = options.retryAfterMs;
    this.isAmbiguous = options.isAmbiguous === true;
  }
}

/** What an error says of a write. */
export function verdictOf(error: unknown): Verdict | undefined {
  if (!(error instanceof KubernetesError)) return undefined;
  return error.kind === 'unavailable' ? 'unknown' : 'refused';
}

/** @param message without path and value. A value is no secret here, but an URL may hold credentials. */
export function settingError(path: string, message: string, value?: unknown): DcsSettingError {
  return new DcsSettingError(value === undefined ? `${path}: ${message}` : `${path}: ${shown(value)} ${message}`);
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a dictionary';
  return pythonRepr(value)
    .replace(/(:\/\/)[^/@\s]*@/, '$1***@')
    .slice(0, MAX_TEXT);
}

const MAX_TEXT = 300;

/** Classifies an answer that is no success. @param retriable statuses to repeat, beside all from 500 on. */
export function errorOf(status: number, text: string, retryAfter: string | undefined, retriable: ReadonlySet<number>): KubernetesError {
  const seconds = retryAfter !== undefined && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const kind = seconds !== undefined || retriable.has(status) ? 'unavailable' : kindOf(status);
  const options = { status, ...(seconds === undefined ? {} : { retryAfterMs: seconds * 1000 }) };
  return new KubernetesError(kind, `status ${status}: ${text.slice(0, MAX_TEXT).trim() || 'no answer text'}`, options);
}

function kindOf(status: number): KubernetesErrorKind {
  if (status === 401 || status === 403) return 'denied';
  if (status === 404) return 'absent';
  if (status === 409) return 'conflict';
  if (status === 410) return 'gone';
  return status >= 400 && status < 500 ? 'refused' : 'unavailable';
}
