/** A row as the server sent it: text or null. The caller converts, so that no 64-bit value loses digits on the way. */
export type Row = Readonly<Record<string, string | null>>;

/** One open connection. Statements are run one after the other, as simple queries (replication commands included). */
export interface Session {
  readonly isOpen: boolean;
  /**
   * @throws ConnectionProblem when the session broke or the time limit passed (the session is closed then).
   * @throws QueryFailed when the server refused the statement; the session stays open.
   */
  query(text: string, options?: { readonly timeoutMs?: number }): Promise<readonly Row[]>;
  /** `server_version_num`; 0 when the server did not tell. */
  readonly serverVersion: number;
  /** Called once when the connection ends without `close`. */
  onLost(listener: () => void): void;
  /** Never throws and does not wait for the server. */
  close(): void;
}

/** libpq keywords: `host port user password dbname passfile sslmode … target_session_attrs`. Unknown ones are ignored. */
export type ConnectionParameters = Readonly<Record<string, string>>;

/** `'text'` as an SQL literal, whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const body = text.replaceAll("'", "''").replaceAll('\\', '\\\\');
  return text.includes('\\') ? ` E'${body}'` : `'${body}'`;
}

/** `"name"` as an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
