import { pythonRepr } from '../base/python-values.js';

/** One setting that cannot be used. */
export interface Problem {
  /** Dotted, with list positions: `postgresql.pg_hba.0`. Empty: the configuration as a whole. */
  readonly path: string;
  /** What is wrong and what is allowed, as a sentence without the value. */
  readonly message: string;
  /** The offending value as text; undefined for what is missing and for secrets. */
  readonly value: string | undefined;
}

/** The configuration cannot be used. The message lists every problem, one a line when there are several. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[] | string, options?: ErrorOptions) {
    const list = typeof problems === 'string' ? [{ path: '', message: problems, value: undefined }] : problems;
    super(
      list.length === 1
        ? list.map(problemText).join('')
        : `${list.length} invalid settings:\n${list.map((p) => `  ${problemText(p)}`).join('\n')}`,
      options,
    );
    this.problems = list;
  }
}

export function problemText(problem: Problem): string {
  if (problem.path === '') return problem.message;
  return problem.value === undefined ? `${problem.path}: ${problem.message}` : `${problem.path}: ${problem.value} ${problem.message}`;
}

const SECRET = /(?:^|[._])(?:password|keyfile_password|key_password|sslpassword|token|auth_data|set_acls)(?:$|\.)/i;
/** Longer values say nothing more in a message. */
const SHOWN_LENGTH = 120;

/** The value for a message; undefined when the path names a secret. URLs lose their credentials. */
export function shownValue(path: string, value: unknown): string | undefined {
  if (SECRET.test(path)) return undefined;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a dictionary';
  const text = pythonRepr(value).replace(/(:\/\/)[^/@\s]*@/, '$1***@');
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
