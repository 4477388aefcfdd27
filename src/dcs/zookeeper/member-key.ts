import type { Member } from '../../cluster/view.js';
import type { Deadline } from '../shared/retry.js';
import type { ZooKeeperKeys } from './keys.js';
import type { Session } from './session.js';
import type { WatchedCopy } from './watched-copy.js';

export interface MemberKeyOptions {
  readonly name: string;
  readonly keys: ZooKeeperKeys;
  readonly session: Session;
  readonly copy: WatchedCopy;
}

/** The key `members/<name>`, which ends with our session. */
export class MemberKey {
  readonly #options: MemberKeyOptions;

  constructor(options: MemberKeyOptions) {
    this.#options = options;
  }

  /** @param known the key as last read. @param isEqual it says what `value` says. @returns false when the key changed meanwhile. */
  async write(value: string, known: Member | undefined, isEqual: boolean, deadline: Deadline): Promise<boolean> {
    const { keys, session, copy, name } = this.#options;
    const own = String((await session.connection(deadline)).sessionId);
    if (known?.session === own && isEqual) return true;
    const key = `members/${name}`;
    copy.ownWrite(key, value);
    if (known?.session === own) {
      const changed = await keys.change([{ op: 'set', path: keys.path(key), data: Buffer.from(value, 'utf8'), version: -1 }], deadline);
      if (changed.isDone) return true;
    }
    if ((await keys.create(key, value, true, deadline, 'once')).isDone) return true;
    return this.#replace(key, value, own, deadline);
  }

  /** What is there belongs to us, to the session of a former process of this member, or to nobody. */
  async #replace(key: string, value: string, own: string, deadline: Deadline): Promise<boolean> {
    const { keys, name } = this.#options;
    const [found, leader] = [await keys.read(key, deadline), await keys.read('leader', deadline)];
    if (found === undefined) return false;
    const version = Number(found.version);
    // While that session holds the leader key as well, the member key is what proves it to be this member's.
    const isGuard = leader?.value === name && leader.session === found.session;
    const isKept = found.session === own || (found.session !== undefined && isGuard);
    const path = keys.path(key);
    const steps = isKept
      ? ([{ op: 'set', path, data: Buffer.from(value, 'utf8'), version }] as const)
      : ([{ op: 'delete', path, version }, keys.creation(key, value, true)] as const);
    return (await keys.change(steps, deadline)).isDone;
  }
}
