import type { StoreServer } from '../../support/store-server.js';

/** One server for all drills that leave it alive, each in a cluster of its own. */
export class SharedServer {
  #server: StoreServer | undefined;
  #scopes = 0;

  get server(): StoreServer {
    if (this.#server === undefined) throw new Error('not started');
    return this.#server;
  }

  newScope(): string {
    this.#scopes += 1;
    return `drill-${this.#scopes}`;
  }

  async start(starting: Promise<StoreServer>): Promise<void> {
    this.#server = await starting;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }
}
