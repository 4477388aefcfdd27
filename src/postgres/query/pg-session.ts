import type { Socket } from 'node:net';
import type pg from 'pg';
import type { Clock } from '../../ports/clock.js';
import { ConnectionProblem, classify } from './errors.js';
import type { Row, Session } from './session.js';

/** A connection of the `pg` driver as a `Session`: one statement at a time, broken sessions recognised, every wait bounded. */
export class PgSession implements Session {
  private readonly client: pg.Client;
  private readonly clock: Clock;
  private readonly queryTimeoutMs: number;
  private readonly description: string;
  private queue: Promise<unknown> = Promise.resolve();
  private lost: (() => void)[] = [];
  private hasEnded = false;
  private isClosing = false;
  private version = 0;

  constructor(client: pg.Client, clock: Clock, queryTimeoutMs: number, description: string) {
    this.client = client;
    this.clock = clock;
    this.queryTimeoutMs = queryTimeoutMs;
    this.description = description;
    // Without these listeners a backend that ends would end our process.
    client.on('error', () => this.ended());
    client.on('end', () => this.ended());
    innerConnection(client).on('parameterStatus', (message: { readonly parameterName?: string; readonly parameterValue?: string }) => {
      if (message.parameterName === 'server_version') this.version = versionNumber(message.parameterValue ?? '');
    });
  }

  get isOpen(): boolean {
    return !this.hasEnded && !this.isClosing;
  }

  get serverVersion(): number {
    return this.version;
  }

  query(text: string, options?: { readonly timeoutMs?: number }): Promise<readonly Row[]> {
    const run = (): Promise<readonly Row[]> => this.run(text, options?.timeoutMs ?? this.queryTimeoutMs);
    const result = this.queue.then(run, run);
    this.queue = result.catch(() => undefined);
    return result;
  }

  onLost(listener: () => void): void {
    if (this.hasEnded) listener();
    else this.lost.push(listener);
  }

  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    const stream = this.stream();
    if (this.hasEnded || stream.connecting) return void stream.destroy();
    // A Terminate message spares the server's log an "unexpected EOF"; the socket does not outlive it for long.
    this.client.end().catch(() => undefined);
    this.clock.after(200, () => stream.destroy());
  }

  private async run(text: string, timeoutMs: number): Promise<readonly Row[]> {
    if (!this.isOpen) throw new ConnectionProblem(`${this.description}: already closed`);
    let isTimedOut = false;
    // The driver's own time-out only stops waiting and leaves the statement in its queue: destroy the connection instead.
    const stop =
      timeoutMs > 0
        ? this.clock.after(timeoutMs, () => {
            isTimedOut = true;
            this.stream().destroy();
          })
        : undefined;
    try {
      const result = await this.client.query(text);
      return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) as Row[];
    } catch (error) {
      if (isTimedOut) throw this.broken(new ConnectionProblem(`${this.description}: no answer within ${timeoutMs} ms`));
      const known = classify(error, this.description);
      throw known instanceof ConnectionProblem ? this.broken(known) : known;
    } finally {
      stop?.();
    }
  }

  private broken(error: ConnectionProblem): ConnectionProblem {
    this.stream().destroy();
    this.ended();
    return error;
  }

  private ended(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    const listeners = this.isClosing ? [] : this.lost;
    this.lost = [];
    for (const listener of listeners) listener();
  }

  private stream(): Socket {
    return innerConnection(this.client).stream;
  }
}

/** `15.2 (Debian …)` → 150002, `9.6.24` → 90624, `18beta1` → 180000. */
export function versionNumber(text: string): number {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  if (!match) return 0;
  const major = Number(match[1]);
  const second = Number(match[2] ?? 0);
  return major >= 10 ? major * 10_000 + second : major * 10_000 + second * 100 + Number(match[3] ?? 0);
}

/** The driver's inner connection, which its types hide. */
export function innerConnection(client: pg.Client): NodeJS.EventEmitter & { readonly stream: Socket } {
  return (client as unknown as { readonly connection: NodeJS.EventEmitter & { readonly stream: Socket } }).connection;
}
