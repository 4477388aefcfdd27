import { Resolver } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isIP, type LookupFunction } from 'node:net';

const TIMEOUT_MS = 1000;
const TRIES = 2;

interface Address {
  readonly address: string;
  readonly family: number;
}

/**
 * A `lookup` for sockets that can't starve the process: `getaddrinfo` occupies a thread of the small pool until it gives
 * up and can't be cancelled. `/etc/hosts` is read first, then DNS is asked with a short time-out; while DNS is down the
 * last good address goes on being used.
 */
export function createLookup(): LookupFunction {
  const lastGood = new Map<string, readonly Address[]>();
  const find = async (hostname: string): Promise<readonly Address[]> => {
    const listed = await fromHostsFile(hostname);
    if (listed.length > 0) return listed;
    const [v4, v6] = await Promise.all([ask(hostname, 4), ask(hostname, 6)]);
    const found = [...v4, ...v6];
    if (found.length > 0) lastGood.set(hostname, found);
    return found.length > 0 ? found : (lastGood.get(hostname) ?? []);
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

function ask(hostname: string, family: 4 | 6): Promise<readonly Address[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  return new Promise((resolve) => {
    const done = (error: Error | null, addresses?: string[]): void =>
      resolve(error === null ? (addresses ?? []).map((address) => ({ address, family })) : []);
    if (family === 4) resolver.resolve4(hostname, done);
    else resolver.resolve6(hostname, done);
  });
}

async function fromHostsFile(hostname: string): Promise<readonly Address[]> {
  const text = await readFile('/etc/hosts', 'utf8').catch(() => '');
  const found: Address[] = [];
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family !== 0 && names.some((name) => name.toLowerCase() === hostname.toLowerCase())) found.push({ address, family });
  }
  // IPv4 first: a service that listens on one family only is far more often found there.
  return found.sort((a, b) => a.family - b.family);
}

/** Targets of an SRV record, best first; empty when there are none or DNS does not answer. */
export function resolveService(name: string): Promise<readonly { readonly host: string; readonly port: number }[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  return new Promise((resolve) => {
    resolver.resolveSrv(name, (error, records) => {
      if (error !== null) return resolve([]);
      const sorted = [...records].sort((a, b) => a.priority - b.priority || b.weight - a.weight);
      resolve(sorted.map((record) => ({ host: record.name.replace(/\.$/, ''), port: record.port })));
    });
  });
}
