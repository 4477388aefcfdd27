import { isIP, type LookupFunction } from 'node:net';
import type { Server } from './connection.js';

/** Where the ensemble is; asked before each round of connecting. */
export interface ServerSource {
  /** Empty while nobody knows. */
  list(): Promise<readonly Server[]>;
  close(): void;
}

/** An address of a server, and the name that led to it. */
export type Address = Server & { readonly name: string };

/** Those of the configuration. */
export function fixedServers(servers: readonly Server[]): ServerSource {
  return { list: async () => servers, close: () => undefined };
}

/** Every address of every name: behind one name there may be a whole ensemble. */
export async function addressesOf(servers: readonly Server[], lookup: LookupFunction): Promise<readonly Address[]> {
  const found = await Promise.all(
    servers.map(async ({ host, port }) => (await addressesOfName(host, lookup)).map((address) => ({ host: address, port, name: host }))),
  );
  return found.flat();
}

function addressesOfName(name: string, lookup: LookupFunction): Promise<readonly string[]> {
  if (isIP(name) !== 0) return Promise.resolve([name]);
  return new Promise((resolve) => {
    lookup(name, { all: true }, (error, addresses) => {
      if (error !== null) return resolve([]);
      resolve(Array.isArray(addresses) ? addresses.map(({ address }) => address) : [addresses]);
    });
  });
}
