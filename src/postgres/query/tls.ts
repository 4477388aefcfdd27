import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { ConnectionProblem } from './errors.js';

/** How one attempt to connect is protected. */
export type Attempt = 'plain' | 'tls';

/** libpq's order of attempts per `sslmode`; unix sockets are never encrypted. */
export function attempts(sslmode: string | undefined, isUnixSocket: boolean): readonly Attempt[] {
  if (isUnixSocket) return ['plain'];
  switch (sslmode ?? 'prefer') {
    case 'disable':
      return ['plain'];
    case 'allow':
      return ['plain', 'tls'];
    case 'prefer':
      return ['tls', 'plain'];
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return ['tls'];
    default:
      throw new ConnectionProblem(`invalid sslmode value: "${sslmode}"`);
  }
}

async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readNeeded(path: string, what: string): Promise<Buffer> {
  const content = await readOptional(path);
  if (content === undefined) throw new ConnectionProblem(`${what} file "${path}" does not exist`);
  return content;
}

/**
 * Node's TLS options with the meaning of libpq's keywords. The driver's own reading of `sslmode` differs (`require` means
 * `verify-full` there), so it never gets to see them.
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export async function tlsOptions(parameters: Readonly<Record<string, string>>): Promise<ConnectionOptions> {
  const home = join(homedir(), '.postgresql');
  const mode = parameters['sslmode'] ?? 'prefer';
  const rootPath = parameters['sslrootcert'];
  const isVerified = mode.startsWith('verify-') || (mode === 'require' && rootPath !== undefined);
  const options: ConnectionOptions = { rejectUnauthorized: isVerified };
  if (isVerified && rootPath !== 'system') options.ca = await readNeeded(rootPath ?? join(home, 'root.crt'), 'root certificate');
  // verify-full is Node's default; the others must not look at the name.
  if (mode !== 'verify-full' && rootPath !== 'system') options.checkServerIdentity = () => undefined;
  const crl = parameters['sslcrl'];
  if (crl !== undefined && isVerified) options.crl = await readNeeded(crl, 'revocation list');
  if (parameters['sslcrldir'] !== undefined && isVerified) throw new ConnectionProblem('sslcrldir is not supported, use sslcrl');
  const certPath = parameters['sslcert'];
  const cert = certPath === undefined ? await readOptional(join(home, 'postgresql.crt')) : await readNeeded(certPath, 'certificate');
  if (cert !== undefined) {
    options.cert = cert;
    options.key = await readNeeded(parameters['sslkey'] ?? join(home, 'postgresql.key'), 'private key');
    if (parameters['sslpassword'] !== undefined) options.passphrase = parameters['sslpassword'];
  }
  return options;
}
