import type { Client } from 'pg';
import { RepeatingClient } from './client.js';

/** What a workload found out when everything was over. */
export interface Finding {
  readonly name: string;
  readonly acknowledged: number;
  /** Acknowledged and not there any more. */
  readonly lost: number;
  /** What must never be, whatever the replication mode; in words. */
  readonly broken: readonly string[];
  /** What an asynchronous cluster may show and a synchronous one may not; in words. */
  readonly weak: readonly string[];
  /** Reads of a server that no longer led; in words. They wait for no standby: only a guard or watchdog rules them out. */
  readonly stale?: readonly string[];
}

export interface Workload {
  readonly schema: readonly string[];
  readonly client: RepeatingClient;
  /** Compares with what the healed cluster holds. */
  check(primary: Client): Promise<Finding>;
}

const some = (values: readonly unknown[]): string => values.slice(0, 10).join(', ') + (values.length > 10 ? ', …' : '');

/** Numbered rows. A number is used once: after an error nobody knows whether it was written. */
export function inserts(hosts: readonly string[]): Workload {
  const acknowledged: number[] = [];
  let next = 1;
  const client = new RepeatingClient(hosts, 10, async (connection) => {
    const id = next++;
    await connection.query('INSERT INTO inserts VALUES ($1)', [id]);
    acknowledged.push(id);
  });
  return {
    schema: ['CREATE TABLE inserts (id bigint PRIMARY KEY)'],
    client,
    check: async (primary) => {
      const { rows } = await primary.query<{ id: string }>('SELECT id FROM inserts');
      const present = new Set(rows.map(({ id }) => Number(id)));
      const missing = acknowledged.filter((id) => !present.has(id));
      const invented = [...present].filter((id) => id >= next);
      return {
        name: 'inserts',
        acknowledged: acknowledged.length,
        lost: missing.length,
        broken: invented.length > 0 ? [`rows that nobody wrote: ${some(invented)}`] : [],
        weak: missing.length > 0 ? [`missing rows: ${some(missing)}`] : [],
      };
    },
  };
}

const ACCOUNTS = 10;
const BALANCE = 100;

/** Money goes from account to account; there is never more or less of it, whoever looks. */
export function bank(hosts: readonly string[], random: () => number): Workload {
  const broken: string[] = [];
  let transfers = 0;
  const sumOf = async (connection: Client): Promise<number> =>
    Number((await connection.query<{ s: string }>('SELECT sum(amount) AS s FROM bank')).rows[0]?.s);
  const client = new RepeatingClient(hosts, 20, async (connection) => {
    const from = Math.floor(random() * ACCOUNTS);
    const to = (from + 1 + Math.floor(random() * (ACCOUNTS - 1))) % ACCOUNTS;
    const amount = 1 + Math.floor(random() * 10);
    await connection.query('BEGIN');
    await connection.query('UPDATE bank SET amount = amount - $2 WHERE id = $1', [from, amount]);
    await connection.query('UPDATE bank SET amount = amount + $2 WHERE id = $1', [to, amount]);
    await connection.query('COMMIT');
    transfers += 1;
    const sum = await sumOf(connection);
    if (sum !== ACCOUNTS * BALANCE) broken.push(`the sum was ${sum} after transfer ${transfers}`);
  });
  return {
    schema: [
      'CREATE TABLE bank (id int PRIMARY KEY, amount bigint NOT NULL)',
      `INSERT INTO bank SELECT id, ${BALANCE} FROM generate_series(0, ${ACCOUNTS - 1}) AS id`,
    ],
    client,
    check: async (primary) => {
      const sum = await sumOf(primary);
      if (sum !== ACCOUNTS * BALANCE) broken.push(`the sum is ${sum} in the end`);
      return { name: 'bank', acknowledged: transfers, lost: 0, broken: broken.slice(0, 10), weak: [] };
    },
  };
}

const KEYS = 5;
/** After so many appends the next lists begin: each append writes its whole list, and a long run must not fill the disks. */
const MOST_APPENDS = 500;

/** Lists that only grow. What an acknowledged append returned must be the beginning of the list in the end. */
export function appends(hosts: readonly string[], random: () => number): Workload {
  const seen: { readonly key: number; readonly value: number; readonly list: readonly number[] }[] = [];
  let next = 1;
  const client = new RepeatingClient(hosts, 20, async (connection) => {
    const value = next++;
    const key = Math.floor(value / MOST_APPENDS) * KEYS + Math.floor(random() * KEYS);
    const { rows } = await connection.query<{ l: string[] }>(
      'INSERT INTO lists VALUES ($1, ARRAY[$2::bigint]) ON CONFLICT (key) DO UPDATE SET l = lists.l || $2::bigint RETURNING l',
      [key, value],
    );
    seen.push({ key, value, list: (rows[0]?.l ?? []).map(Number) });
  });
  return {
    schema: ['CREATE TABLE lists (key int PRIMARY KEY, l bigint[] NOT NULL)'],
    client,
    check: async (primary) => {
      const { rows } = await primary.query<{ key: number; l: string[] }>('SELECT key, l FROM lists');
      const final = new Map(rows.map(({ key, l }) => [key, l.map(Number)]));
      const missing = seen.filter(({ key, value }) => !final.get(key)?.includes(value));
      const doubled = [...final].filter(([, list]) => new Set(list).size !== list.length);
      const rewritten = seen.filter(({ key, list }) => list.some((value, at) => final.get(key)?.[at] !== value));
      return {
        name: 'list-append',
        acknowledged: seen.length,
        lost: missing.length,
        broken: doubled.map(([key]) => `list ${key} has a value twice`),
        weak: [
          ...(missing.length > 0 ? [`missing values: ${some(missing.map(({ value }) => value))}`] : []),
          ...(rewritten.length > missing.length ? [`${rewritten.length} acknowledged lists are not what the lists begin with`] : []),
        ],
      };
    },
  };
}

/**
 * Reads on the leader what it wrote there: never an older value than the last acknowledged one. The value only grows: a
 * statement of a connection that was given up may still be carried out, after the next connection's.
 */
export function readYourWrites(hosts: readonly string[]): Workload {
  let [next, last, acknowledged] = [1, 0, 0];
  const stale: string[] = [];
  const client = new RepeatingClient(hosts, 20, async (connection) => {
    const { rows } = await connection.query<{ v: string }>('SELECT v FROM own WHERE id = 1');
    const found = Number(rows[0]?.v);
    if (found < last) stale.push(`${found} after ${last} at ${connection.host} at ${new Date().toISOString()}`);
    const value = next++;
    await connection.query('UPDATE own SET v = greatest(v, $1) WHERE id = 1', [value]);
    last = value;
    acknowledged += 1;
  });
  return {
    schema: ['CREATE TABLE own (id int PRIMARY KEY, v bigint NOT NULL)', 'INSERT INTO own VALUES (1, 0)'],
    client,
    check: async (primary) => {
      const { rows } = await primary.query<{ v: string }>('SELECT v FROM own WHERE id = 1');
      const lost = Number(rows[0]?.v) < last ? 1 : 0;
      const older = stale.length > 0 ? [`read an older value than the acknowledged one: ${some(stale)}`] : [];
      return { name: 'read-your-writes', acknowledged, lost, broken: [], weak: [], stale: older };
    },
  };
}
