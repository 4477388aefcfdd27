import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';

/** `refused`: the store understood a write and has not done it. `unknown`: its error does not tell. */
export type Verdict = 'refused' | 'unknown';

export interface OutcomesOptions {
  /** For messages. */
  readonly store: string;
  readonly log: Log;
  /** What an error says of a write that ended with it; undefined: it is none of the store's. */
  readonly verdictOf: (error: unknown) => Verdict | undefined;
}

/** Turns the errors of a store into what the port promises: `false` for a refused write, DcsUnavailable for what nobody knows. */
export class Outcomes {
  readonly #options: OutcomesOptions;

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  /** Runs an operation whose only trustworthy answers are its results: an error of the store's says nothing of the lock or the keys. */
  async trusted<T>(what: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (this.#options.verdictOf(error) === undefined) throw error;
      throw this.#unavailable(what, error);
    }
  }

  /** Runs a write that the store may refuse. */
  async write(what: string, operation: () => Promise<boolean>): Promise<boolean> {
    const { store, log, verdictOf } = this.#options;
    try {
      return await operation();
    } catch (error) {
      const verdict = verdictOf(error);
      if (verdict === undefined) throw error;
      if (verdict === 'unknown') throw this.#unavailable(what, error);
      log.warning(`${store} refused to ${what}: ${messageOf(error)}`);
      return false;
    }
  }

  #unavailable(what: string, error: unknown): DcsUnavailable {
    return new DcsUnavailable(`${this.#options.store} is not responding properly: ${what}: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
