import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { connect, drop, within } from './clients/connection.js';
import type { Host } from './network.js';

const LIMIT_MS = 1_000;
const EVERY_MS = 25;

/** A write that a server acknowledged: when, by one monotonic clock, and on which timeline. */
interface Acknowledgement {
  readonly host: string;
  readonly timeline: number;
  readonly at: number;
}

export interface DoublePrimary {
  readonly host: string;
  readonly timeline: number;
  /** From the first write on a later timeline to the last one on this. */
  readonly ms: number;
  readonly writes: number;
}

/**
 * Writes to every server by itself, whoever leads, over a cable that is never cut, and remembers what was acknowledged.
 * So a server that is shut off from all others and still accepts writes is seen.
 */
export class Census {
  private readonly hosts: readonly Host[];
  private readonly acknowledgements: Acknowledgement[] = [];
  private isStopping = false;
  private loops: Promise<void>[] = [];

  static readonly schema = ['CREATE TABLE census (host text PRIMARY KEY, n bigint NOT NULL)'];

  constructor(hosts: readonly Host[]) {
    this.hosts = hosts;
  }

  start(): void {
    this.loops = this.hosts.map((host) => this.watch(host));
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.loops);
  }

  get writes(): number {
    return this.acknowledgements.length;
  }

  doublePrimaries(): readonly DoublePrimary[] {
    return doublePrimaries(this.acknowledgements);
  }

  private async watch(host: Host): Promise<void> {
    let client: Client | undefined;
    while (!this.isStopping) {
      try {
        client ??= await connect(host.address, LIMIT_MS);
        const current = client;
        const timeline = await within(LIMIT_MS, write(current, host.name), () => drop(current));
        this.acknowledgements.push({ host: host.name, timeline, at: performance.now() });
      } catch {
        if (client !== undefined) drop(client);
        client = undefined;
      }
      await pause(EVERY_MS);
    }
    if (client !== undefined) drop(client);
  }
}

/** One row, and the timeline that it was written on: the beginning of the name of the WAL file. */
async function write(client: Client, host: string): Promise<number> {
  const { rows } = await client.query<{ wal: string }>(
    `INSERT INTO census VALUES ($1, 1) ON CONFLICT (host) DO UPDATE SET n = census.n + 1
     RETURNING pg_walfile_name(pg_current_wal_insert_lsn()) AS wal`,
    [host],
  );
  return Number.parseInt((rows[0]?.wal ?? '').slice(0, 8), 16);
}

/** Servers that acknowledged a write after another one had done so on a later timeline. */
export function doublePrimaries(acknowledgements: readonly Acknowledgement[]): readonly DoublePrimary[] {
  const firsts = new Map<number, number>();
  for (const { timeline, at } of acknowledgements) firsts.set(timeline, Math.min(firsts.get(timeline) ?? at, at));
  const found = new Map<string, DoublePrimary>();
  for (const { host, timeline, at } of acknowledgements) {
    const later = [...firsts].filter(([other, first]) => other > timeline && first < at).map(([, first]) => first);
    if (later.length === 0) continue;
    const key = `${host} ${timeline}`;
    const known = found.get(key);
    const ms = Math.max(known?.ms ?? 0, at - Math.min(...later));
    found.set(key, { host, timeline, ms, writes: (known?.writes ?? 0) + 1 });
  }
  return [...found.values()];
}
