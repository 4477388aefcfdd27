import { Resolver } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isIP, type LookupFunction } from 'node:net';
import type { Clock } from '../../ports/clock.js';

const TIMEOUT_MS = 1000;
const TRIES = 2;

interface Address {
  readonly address: string;
  readonly family: number;
}

/** While DNS is slow, an address that was good before is used after this. */
const PATIENCE_MS = 500;

export interface LookupOptions {
  readonly clock: Clock;
  /** Instead of the system's name servers, and of `/etc/hosts`. */
  readonly servers?: readonly string[];
  readonly hostsFile?: string;
}

/**
 * A `lookup` for sockets that can't starve the process: `getaddrinfo` occupies a thread of the small pool until it gives
 * up and can't be cancelled. `/etc/hosts` is read first, then DNS is asked with a short time-out; while DNS is down the
 * last good address goes on being used.
 */
export function createLookup({ clock, servers, hostsFile = '/etc/hosts' }: LookupOptions): LookupFunction {
  const lastGood = new Map<string, readonly Address[]>();
  const find = async (hostname: string): Promise<readonly Address[]> => {
    const listed = await fromHostsFile(hostsFile, hostname);
    if (listed.length > 0) return listed;
    const asking = Promise.all([ask(hostname, 4, servers), ask(hostname, 6, servers)]).then((answers) => {
      const found = answers.flat();
      if (found.length > 0) lastGood.set(hostname, found);
      return found;
    });
    const known = lastGood.get(hostname);
    if (known === undefined) return asking;
    const found = await Promise.race([
      asking,
      new Promise<readonly Address[]>((resolve) => clock.after(PATIENCE_MS, () => resolve(known))),
    ]);
    return found.length > 0 ? found : known;
  };
  return (hostname, options, callback) => {
    void find(hostname).then((found) => {
      const wanted = options.family === 4 || options.family === 6 ? found.filter((a) => a.family === options.family) : found;
      const first = wanted[0];
      if (first === undefined) return callback(notFound(hostname), '', 0);
      if (options.all) callback(null, [...wanted]);
      else callback(null, first.address, first.family);
    });
  };
}

function notFound(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND', hostname });
}

function ask(hostname: string, family: 4 | 6, servers: readonly string[] | undefined): Promise<readonly Address[]> {
  const resolver = resolverAt(servers);
  return new Promise((resolve) => {
    const done = (error: Error | null, addresses?: string[]): void =>
      resolve(error === null ? (addresses ?? []).map((address) => ({ address, family })) : []);
    if (family === 4) resolver.resolve4(hostname, done);
    else resolver.resolve6(hostname, done);
  });
}

async function fromHostsFile(file: string, hostname: string): Promise<readonly Address[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const found: Address[] = [];
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family !== 0 && names.some((name) => name.toLowerCase() === hostname.toLowerCase())) found.push({ address, family });
  }
  // IPv4 first: a service that listens on one family only is far more often found there.
  return found.sort((a, b) => a.family - b.family);
}

export interface ServiceTarget {
  readonly host: string;
  readonly port: number;
}

export interface ResolveServiceOptions {
  readonly clock: Clock;
  /** After this the answer is as if there were none. */
  readonly timeoutMs: number;
  readonly servers?: readonly string[];
}

export type ResolveService = (name: string, options: ResolveServiceOptions) => Promise<readonly ServiceTarget[]>;

/** Targets of an SRV record, best first; empty when there are none or DNS does not answer. */
export const resolveService: ResolveService = (name, { clock, timeoutMs, servers }) => {
  const resolver = resolverAt(servers);
  return new Promise((resolve) => {
    const cancelDeadline = clock.after(timeoutMs, () => resolver.cancel());
    resolver.resolveSrv(name, (error, records) => {
      cancelDeadline();
      if (error !== null) return resolve([]);
      const sorted = [...records].sort((a, b) => a.priority - b.priority || b.weight - a.weight);
      resolve(sorted.map((record) => ({ host: record.name.replace(/\.$/, ''), port: record.port })));
    });
  });
};

function resolverAt(servers: readonly string[] | undefined): Resolver {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  return resolver;
}
