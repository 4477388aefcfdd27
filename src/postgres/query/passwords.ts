import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Which password is asked for. */
export interface PasswordQuestion {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
}

/** Splits a line at unescaped colons; `\` takes the next character literally. */
function fields(line: string): string[] {
  const result = [''];
  for (let at = 0; at < line.length; at++) {
    const c = line.charAt(at);
    if (c === ':') result.push('');
    else result[result.length - 1] += c === '\\' ? line.charAt(++at) : c;
  }
  return result;
}

/** The first line of a password file that fits, as libpq finds it. */
export function findPassword(content: string, question: PasswordQuestion): string | undefined {
  const host = question.host.startsWith('/') ? 'localhost' : question.host;
  const wanted = [host, question.port, question.database, question.user];
  for (const line of content.split('\n')) {
    if (line.startsWith('#')) continue;
    const parts = fields(line);
    if (parts.length >= 5 && wanted.every((value, at) => parts[at] === '*' || parts[at] === value)) return parts[4];
  }
  return undefined;
}

/**
 * Password from `file` (default `$PGPASSFILE` or `~/.pgpass`). As with libpq, a file that others may read is ignored.
 * @see https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export async function passwordFromFile(question: PasswordQuestion, file?: string): Promise<string | undefined> {
  const path = file ?? process.env['PGPASSFILE'] ?? join(homedir(), '.pgpass');
  try {
    const info = await stat(path);
    if (!info.isFile() || (info.mode & 0o077) !== 0) return undefined;
    return findPassword(await readFile(path, 'utf8'), question);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
