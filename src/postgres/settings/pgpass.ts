import { open } from 'node:fs/promises';
import type { Conninfo } from './conninfo.js';

/** Lines of a password file: one for each host, and one for `localhost` when a socket is among them (postgres.md §15.3). */
export function pgpassLines(info: Conninfo): readonly string[] {
  const field = (value: string | undefined): string => (value ? value.replace(/[:\\]/g, '\\$&') : '*');
  const hosts = (info['host'] ?? '').split(',');
  const ports = (info['port'] ?? '').split(',');
  if (hosts.some((host) => host.startsWith('/')) && !hosts.includes('localhost')) hosts.push('localhost');
  return hosts.map((host, i) => [field(host), field(ports[i] ?? ports[0]), '*', field(info['user']), field(info['password'])].join(':'));
}

/** Overwrites the password file. Nobody else can read it at any moment: its mode is set before its content. */
export async function writePgpass(path: string, info: Conninfo): Promise<void> {
  if (!info['password']) return;
  const file = await open(path, 'a', 0o600);
  try {
    await file.chmod(0o600);
    await file.truncate(0);
    await file.writeFile(`${pgpassLines(info).join('\n')}\n`);
  } finally {
    await file.close();
  }
}

/** Whether the file has exactly the lines for `info`. */
export function isPgpassFor(content: string, info: Conninfo): boolean {
  const lines = (list: readonly string[]): string =>
    list
      .filter((line) => line !== '')
      .sort()
      .join('\n');
  return lines(content.split('\n')) === lines(pgpassLines(info));
}
