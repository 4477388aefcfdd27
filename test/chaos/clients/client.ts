import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { connectToPrimary, drop, within } from './connection.js';

const LIMIT_MS = 1_500;
const RECONNECT_MS = 25;

/** One more thing to do on the primary. Throws when it is not known whether it was done. */
export type Step = (client: Client) => Promise<void>;

/**
 * Does one step after the other on whatever server says that it is the primary, for as long as the experiment lasts. What
 * was acknowledged is remembered by the step itself.
 */
export class RepeatingClient {
  private readonly hosts: readonly string[];
  private readonly step: Step;
  private readonly everyMs: number;
  private isStopping = false;
  private loop: Promise<void> = Promise.resolve();
  /** When steps were acknowledged, by the monotonic clock. */
  readonly acknowledgedAt: number[] = [];

  constructor(hosts: readonly string[], everyMs: number, step: Step) {
    this.hosts = hosts;
    this.everyMs = everyMs;
    this.step = step;
  }

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.loop;
  }

  private async run(): Promise<void> {
    let client: Client | undefined;
    while (!this.isStopping) {
      client ??= await connectToPrimary(this.hosts, LIMIT_MS);
      if (client === undefined) {
        await pause(RECONNECT_MS);
        continue;
      }
      const current = client;
      try {
        await within(LIMIT_MS, this.step(current), () => drop(current));
        this.acknowledgedAt.push(performance.now());
        await pause(this.everyMs);
      } catch {
        // What became of it nobody knows: a new connection, a new step.
        drop(current);
        client = undefined;
      }
    }
    if (client !== undefined) drop(client);
  }
}
