import { quoteIdentifier, quoteLiteral, type Row } from '../query/session.js';

/** Runs one statement on a session of the superuser that stays the same from call to call. */
export type Query = (text: string) => Promise<readonly Row[]>;

export interface RoleRequest {
  readonly name: string;
  readonly password: string | undefined;
  /** `SUPERUSER`, `REPLICATION`; LOGIN is added unless NOLOGIN is among them. */
  readonly attributes: readonly string[];
}

/** Logging that would write the password of the statement to the server's log or to statistics views. */
const SILENCE = [
  ['log_statement', 'none'],
  ['log_min_duration_statement', '-1'],
  ['log_min_error_statement', 'log'],
  ['pg_stat_statements.track_utility', 'off'],
  ['pgaudit.log', 'none'],
] as const;

/** Creates the role, or gives an existing one these attributes and this password. */
export async function ensureRole(query: Query, role: RoleRequest): Promise<void> {
  for (const [name, value] of SILENCE) await query(`SET ${name} TO '${value}'`);
  try {
    await query(roleStatement(role));
  } finally {
    for (const [name] of SILENCE) await query(`RESET ${name}`).catch(() => undefined);
  }
}

/** One statement, so that the role is never there without its password. Waits for no synchronous standby. */
export function roleStatement({ name, password, attributes }: RoleRequest): string {
  const options = attributes.includes('NOLOGIN') ? [...attributes] : ['LOGIN', ...attributes];
  if (password !== undefined) options.push(`PASSWORD ${quoteLiteral(password)}`);
  const definition = `ROLE ${quoteIdentifier(name)} WITH ${options.join(' ')}`;
  const body = `
BEGIN
  SET LOCAL synchronous_commit = 'local';
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(name)}) THEN
    ALTER ${definition};
  ELSE
    CREATE ${definition};
  END IF;
END`;
  const tag = dollarTag(body);
  return `DO ${tag}${body}${tag}`;
}

/** A dollar quote that does not occur in the text, whatever a password holds. */
function dollarTag(text: string): string {
  let at = 0;
  while (text.includes(`$patroni${at}`)) at++;
  return `$patroni${at}$`;
}

/** What pg_rewind calls when its user is no superuser. @see https://www.postgresql.org/docs/current/app-pgrewind.html */
const REWIND_FUNCTIONS = [
  'pg_ls_dir(text, boolean, boolean)',
  'pg_stat_file(text, boolean)',
  'pg_read_binary_file(text)',
  'pg_read_binary_file(text, bigint, bigint, boolean)',
];

export function rewindGrants(user: string): readonly string[] {
  return REWIND_FUNCTIONS.map(
    (signature) =>
      `DO $patroni$BEGIN SET LOCAL synchronous_commit = 'local'; ` +
      `GRANT EXECUTE ON FUNCTION pg_catalog.${signature} TO ${quoteIdentifier(user)}; END$patroni$`,
  );
}
