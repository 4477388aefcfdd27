import type { Log } from '../../ports/log.js';
import type { ConnectionCredentials } from '../../ports/settings.js';
import type { CancellableRunner } from '../cancellable.js';
import { splitWords } from '../command-line.js';
import { ensureRole, type Query, rewindGrants } from './roles.js';

export interface PostBootstrapRequest {
  readonly superuser: ConnectionCredentials;
  readonly replication: ConnectionCredentials;
  /** undefined: the superuser does its work (also below version 11). */
  readonly rewind: ConnectionCredentials | undefined;
  readonly majorVersion: number;
  /** `bootstrap.post_bootstrap`. */
  readonly script: string | undefined;
  /** For the script: connection to the local server, without password. */
  readonly connectionString: string;
  /** `PGPASSFILE`. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface PostBootstrapDependencies {
  readonly query: Query;
  readonly runner: CancellableRunner;
  readonly log: Log;
}

/**
 * Creates the roles and runs the user's script, in Patroni's order: superuser, script, replication role, rewind role.
 * @returns false when the script failed. @throws what `query` throws.
 */
export async function postBootstrap(request: PostBootstrapRequest, dependencies: PostBootstrapDependencies): Promise<boolean> {
  const { superuser, replication, rewind } = request;
  const { query } = dependencies;
  if (superuser.username && superuser.password) {
    await ensureRole(query, { name: superuser.username, password: superuser.password, attributes: ['SUPERUSER'] });
  }
  if (!(await runPostBootstrapScript(request, dependencies))) return false;
  if (replication.username) {
    await ensureRole(query, { name: replication.username, password: replication.password, attributes: ['REPLICATION'] });
  }
  if (rewind?.username && request.majorVersion >= 110000 && !isSameUser(rewind, superuser)) {
    await ensureRole(query, { name: rewind.username, password: rewind.password, attributes: [] });
    for (const grant of rewindGrants(rewind.username)) await query(grant);
  }
  return true;
}

function isSameUser(a: ConnectionCredentials, b: ConnectionCredentials): boolean {
  return a.username === b.username && a.password === b.password;
}

async function runPostBootstrapScript(request: PostBootstrapRequest, { runner, log }: PostBootstrapDependencies): Promise<boolean> {
  const { script } = request;
  if (!script) return true;
  const words = splitWords(script);
  if (words === undefined) {
    log.error(`post_init script ${script}: unbalanced quotes`);
    return false;
  }
  const outcome = await runner.run([...words, request.connectionString], {
    env: { ...request.environment, PGOPTIONS: '-c synchronous_commit=local -c statement_timeout=0' },
    onLine: (line) => log.info(`post_init: ${line}`),
  });
  if (outcome.kind === 'exited' && outcome.exitCode === 0) return true;
  if (outcome.kind === 'exited') log.error(`post_init script ${script} returned non-zero code ${outcome.exitCode}`);
  return false;
}
