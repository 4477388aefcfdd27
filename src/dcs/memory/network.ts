import type { Clock } from '../../ports/clock.js';
import { type CallOptions, DcsUnavailable } from '../../ports/dcs.js';

/** What is wrong between one client and the store. All are changed at any time, by tests and by the simulator. */
export interface ClientFaults {
  /** Requests and answers of this client are dropped. */
  isPartitioned: boolean;
  /** Time that a request needs to reach the store, and an answer to come back. A request may arrive after its caller gave up. */
  requestDelayMs: number;
  answerDelayMs: number;
  /** The next requests, so many of them, are applied but their answers are lost. */
  lostAnswers: number;
  /** A one-way partition: requests arrive, nothing comes back. */
  isDeaf?: boolean;
  /** What becomes of one more request; default: it arrives, and so does its answer. A duplicate is applied twice, the second time late. */
  fate?: () => 'arrives' | 'request-lost' | 'answer-lost' | 'duplicated';
}

/** How much later than the request its duplicate arrives. */
const DUPLICATE_AFTER_MS = 150;

/**
 * Carries requests from clients to the store, with faults. It is the only place where a call waits.
 */
export class MemoryNetwork {
  /** The store answers nobody. `refuse`: at once, as a stopped server does; `hang`: never, as a frozen one. */
  outage: 'none' | 'refuse' | 'hang' = 'none';
  readonly #clock: Clock;
  readonly #faults = new Map<string, ClientFaults>();
  readonly #healed = new Set<(client: string | undefined) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The faults of a client, to read or to change. */
  faultsOf(client: string): ClientFaults {
    let faults = this.#faults.get(client);
    if (faults === undefined) {
      faults = { isPartitioned: false, requestDelayMs: 0, answerDelayMs: 0, lostAnswers: 0 };
      this.#faults.set(client, faults);
    }
    return faults;
  }

  /** Ends an outage, or the partition of one client; watches of those concerned begin anew. */
  heal(client?: string): void {
    if (client === undefined) this.outage = 'none';
    else Object.assign(this.faultsOf(client), { isPartitioned: false, isDeaf: false });
    for (const listener of [...this.#healed]) listener(client);
  }

  onHealed(listener: (client: string | undefined) => void): () => void {
    this.#healed.add(listener);
    return () => this.#healed.delete(listener);
  }

  canReach(client: string): boolean {
    return this.outage === 'none' && !this.faultsOf(client).isPartitioned;
  }

  /**
   * Applies `operation` at the store and brings back its result.
   * @throws DcsUnavailable after `timeoutMs`; the operation may have been applied, or may still be.
   */
  call<T>(client: string, what: string, options: CallOptions, operation: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const faults = this.faultsOf(client);
      const finish = (settle: () => void): void => {
        cancelDeadline();
        options.signal?.removeEventListener('abort', abort);
        settle();
      };
      const fail = (why: string): void => finish(() => reject(new DcsUnavailable(`${what}: ${why} (memory)`)));
      const abort = (): void => fail('given up');
      const cancelDeadline = this.#clock.after(options.timeoutMs, () => fail(`no answer within ${options.timeoutMs} ms`));
      if (options.signal?.aborted) return abort();
      options.signal?.addEventListener('abort', abort, { once: true });
      this.#later(faults.requestDelayMs, () => {
        if (this.outage === 'refuse') return fail('connection refused');
        const fate = faults.fate?.() ?? 'arrives';
        if (!this.canReach(client) || fate === 'request-lost') return;
        if (fate === 'duplicated') this.#clock.after(DUPLICATE_AFTER_MS, () => void operation());
        let settle: () => void;
        try {
          const result = operation();
          settle = () => resolve(result);
        } catch (error) {
          settle = () => reject(error);
        }
        if (faults.lostAnswers > 0) {
          faults.lostAnswers -= 1;
          return;
        }
        if (fate === 'answer-lost') return;
        this.#later(faults.answerDelayMs, () => {
          if (this.canReach(client) && faults.isDeaf !== true) finish(settle);
        });
      });
    });
  }

  /** Delivers what the store pushes to a client, after its delay; lost while it can't be reached. */
  push(client: string, deliver: () => void): void {
    this.#clock.after(this.faultsOf(client).answerDelayMs, () => {
      if (this.canReach(client) && this.faultsOf(client).isDeaf !== true) deliver();
    });
  }

  #later(ms: number, action: () => void): void {
    if (ms > 0) this.#clock.after(ms, action);
    else action();
  }
}
