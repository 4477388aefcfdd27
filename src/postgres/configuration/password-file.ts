import { chmod, readFile, writeFile } from 'node:fs/promises';
import type { ConnectionParameters } from '../query/session.js';

function escapeField(value: string | undefined): string {
  return value ? value.replace(/[:\\]/g, (c) => `\\${c}`) : '*';
}

/** The whole content of a password file for one target; undefined when it needs none. */
export function passwordLines(parameters: ConnectionParameters): string | undefined {
  const password = parameters['password'];
  if (password === undefined) return undefined;
  const hosts = (parameters['host'] ?? 'localhost').split(',');
  if (hosts.some((host) => host.startsWith('/')) && !hosts.includes('localhost')) hosts.push('localhost');
  const ports = (parameters['port'] ?? '').split(',');
  const line = (host: string, at: number): string =>
    [host, ports[at] ?? ports[0], '*'].map((value) => (value === '*' ? '*' : escapeField(value))).join(':') +
    `:${escapeField(parameters['user'])}:${escapeField(password)}\n`;
  return hosts.map(line).join('');
}

/** Writes the file with mode 0600 set before there is anything in it. */
export async function writePasswordFile(path: string, content: string): Promise<void> {
  await writeFile(path, '', { mode: 0o600, flag: 'a' });
  await chmod(path, 0o600);
  await writeFile(path, content);
}

export async function hasPasswordFile(path: string, content: string): Promise<boolean> {
  const current = await readFile(path, 'utf8').catch(() => '');
  const lines = (text: string): string => text.split('\n').filter(Boolean).sort().join('\n');
  return lines(current) === lines(content);
}
