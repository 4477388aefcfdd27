import type { PostgresRole } from '../cluster/postgres-state.js';
import type { FollowOptions, StartOutcome, Upstream } from '../ports/postgres.js';
import type { InstanceState } from './process/instance-state.js';
import type { Lifecycle } from './process/lifecycle.js';
import type { ServerProcess } from './process/server-process.js';
import type { ServerConfiguration } from './server-configuration.js';

export interface FollowParts {
  readonly state: InstanceState;
  readonly lifecycle: Lifecycle;
  readonly server: ServerProcess;
  readonly configuration: ServerConfiguration;
  readonly majorVersion: () => Promise<number>;
  readonly isTakenOver: () => boolean;
}

/**
 * Makes the server follow `upstream` in the given role (postgres.md §17). A change of role fires `on_role_change` and nothing
 * else, whatever became of the start.
 */
export async function follow(upstream: Upstream | undefined, options: FollowOptions, parts: FollowParts): Promise<StartOutcome> {
  const { state, lifecycle, server, configuration } = parts;
  if ((await parts.majorVersion()) === 0) return 'pending';
  state.isCutOff = false;
  await configuration.writeRecovery(upstream);
  const isRoleChange = options.quiet !== true && parts.isTakenOver() && changesRole(state.role, options.role);
  const outcome = await apply(options, isRoleChange || options.quiet === true, (await server.find()) !== undefined, parts);
  if (isRoleChange) {
    state.role = options.role;
    lifecycle.fire('on_role_change');
  }
  return outcome;
}

async function apply(options: FollowOptions, isQuiet: boolean, isRunning: boolean, parts: FollowParts): Promise<StartOutcome> {
  const { state, lifecycle, configuration } = parts;
  const start = {
    role: options.role,
    quiet: isQuiet,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.interlock === undefined ? {} : { interlock: options.interlock }),
  };
  if (!isRunning) {
    const outcome = await lifecycle.start(start);
    return outcome === 'failed' ? 'pending' : outcome;
  }
  if (options.how === 'restart') return lifecycle.restart(start);
  await configuration.writeServerFile(options.role);
  if (!(await lifecycle.reload(isQuiet))) return 'failed';
  state.role = options.role;
  return 'ready';
}

/** A former primary, or one of the two kinds of standby becoming the other. */
function changesRole(from: PostgresRole, to: PostgresRole): boolean {
  if (from === 'primary' || from === 'demoted') return true;
  return from !== to && (from === 'replica' || from === 'standby_leader');
}
