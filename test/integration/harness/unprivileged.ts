import { chownSync, readFileSync } from 'node:fs';

export interface RunAs {
  readonly uid?: number;
  readonly gid?: number;
  readonly env: NodeJS.ProcessEnv;
}

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Whom servers run as when root started us (PostgreSQL refuses root); undefined when we are somebody else already. */
function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const wanted = process.env['UNPRIVILEGED_USER'] ?? 'postgres';
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${wanted}:`));
  const [name, , uid, gid, , home] = line?.split(':') ?? [];
  if (name === undefined || home === undefined) throw new Error(`there is no user "${wanted}" to run PostgreSQL as; set UNPRIVILEGED_USER`);
  return { name, uid: Number(uid), gid: Number(gid), home };
}

/** Options for spawn that start a program as that user. */
export function asUnprivileged(env: NodeJS.ProcessEnv): RunAs {
  const user = unprivilegedUser();
  if (user === undefined) return { env };
  return { uid: user.uid, gid: user.gid, env: { ...env, HOME: user.home, USER: user.name, LOGNAME: user.name } };
}

/** Gives a path of ours to that user. */
export function giveToUnprivileged(path: string): void {
  const user = unprivilegedUser();
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}
