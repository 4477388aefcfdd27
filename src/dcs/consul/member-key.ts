import type { Member } from '../../cluster/view.js';
import type { Deadline } from '../shared/retry.js';
import { ConsulError } from './errors.js';
import type { ConsulKeys } from './keys.js';
import type { ServiceRegistration } from './service.js';
import type { Session } from './session.js';
import type { Watch } from './watch.js';

export interface MemberKeyOptions {
  readonly name: string;
  readonly keys: ConsulKeys;
  readonly session: Session;
  readonly watch: Watch;
  readonly service: ServiceRegistration;
}

/** The key `members/<name>`, held by our session, and the service that goes with it. */
export class MemberKey {
  readonly #options: MemberKeyOptions;

  constructor(options: MemberKeyOptions) {
    this.#options = options;
  }

  /**
   * @param known the key as last read. @param isEqual it says what `value` says.
   * @returns false when the session ended meanwhile. @throws ConsulError when Consul refuses
   */
  async write(value: string, known: Member | undefined, isEqual: boolean, deadline: Deadline): Promise<boolean> {
    const { session, service } = this.#options;
    const id = await session.refresh(deadline, { isForced: false });
    const isOurs = known?.session === id;
    await service.follow(value, isOurs ? known : undefined, deadline);
    if (isOurs && isEqual) return true;
    try {
      return await this.#hold(value, id, known === undefined || isOurs, deadline);
    } catch (error) {
      if (!(error instanceof ConsulError) || error.kind !== 'session-lost') throw error;
      session.forget();
      return false;
    }
  }

  /** A key that the session of a former process of this member still holds is taken over in one step. */
  async #hold(value: string, session: string, isFree: boolean, deadline: Deadline): Promise<boolean> {
    const { keys, watch, name } = this.#options;
    const key = `members/${name}`;
    watch.ownWrite(key, value);
    if (isFree && (await keys.acquire(key, value, session, deadline, 'once'))) return true;
    return (await keys.move(key, value, session, undefined, deadline, 'once')).isDone;
  }
}
