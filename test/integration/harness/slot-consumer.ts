import assert from 'node:assert/strict';
import type { Client } from 'pg';
import type { TestCluster } from './test-cluster.js';
import { pause, waitFor } from './wait.js';
import { connect } from './writer.js';

/**
 * A subscriber of a logical slot (test_decoding): reads what is new, keeps it, and only then confirms it; after an error it
 * goes to whoever is primary now. So every row must come to it at least once, whatever happens in between.
 */
export class SlotConsumer {
  readonly #cluster: TestCluster;
  readonly #slot: string;
  readonly #seen = new Set<number>();
  #client: Client | undefined;
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(cluster: TestCluster, slot: string) {
    this.#cluster = cluster;
    this.#slot = slot;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    await this.#client?.end().catch(() => undefined);
  }

  get count(): number {
    return this.#seen.size;
  }

  async untilSeen(count: number, limitMs = 60_000): Promise<void> {
    const target = this.count + count;
    await waitFor(`${count} more rows consumed`, () => this.count >= target, limitMs);
  }

  /** Waits until the rows came that are in the table on the primary, from the first that this consumer saw on. */
  async assertNoGap(): Promise<void> {
    const first = Math.min(...this.#seen);
    const { rows } = await this.#cluster.sql(await this.#cluster.leader(), 'SELECT id FROM written WHERE id >= $1', [first]);
    const ids = rows.map(({ id }) => Number(id));
    assert.ok(ids.length > 0);
    const missing = (): number[] => ids.filter((id) => !this.#seen.has(id));
    await waitFor('the consumer has caught up', () => missing().length === 0, 10_000).catch(() => undefined);
    assert.deepEqual(missing().slice(0, 20), [], `${missing().length} of ${ids.length} rows never came to the subscriber`);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        this.#client ??= await this.#connect();
        await this.#consume(this.#client);
      } catch {
        this.#client?.connection.stream.destroy();
        this.#client = undefined;
      }
      await pause(50);
    }
  }

  async #connect(): Promise<Client> {
    return connect((await this.#cluster.leader(1000)).port);
  }

  async #consume(client: Client): Promise<void> {
    const { rows } = await client.query<{ lsn: string; data: string }>(
      'SELECT lsn, data FROM pg_logical_slot_peek_changes($1, NULL, 500)',
      [this.#slot],
    );
    for (const { data } of rows) {
      const id = /table public\.written: INSERT: id\[bigint\]:(\d+)/.exec(data)?.[1];
      if (id !== undefined) this.#seen.add(Number(id));
    }
    const last = rows.at(-1);
    if (last !== undefined) await client.query('SELECT pg_replication_slot_advance($1, $2)', [this.#slot, last.lsn]);
  }
}
