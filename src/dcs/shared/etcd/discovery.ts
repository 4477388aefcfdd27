import { isJsonObject, parseJson } from '../../../base/json.js';
import { type ResolveService, type ResolveServiceOptions, resolveService, type ServiceTarget } from '../dns.js';
import { HttpEndpoint, HttpFailure } from '../http-client.js';
import type { EtcdSettings } from './settings.js';

/** Kinds of SRV records, in the order of preference (dcs.md §8.2). Those of servers name the ports that members use among themselves. */
const SERVICES = [
  { service: '_etcd-client-ssl', protocol: 'https', isOfServers: false },
  { service: '_etcd-client', protocol: 'http', isOfServers: false },
  { service: '_etcd-ssl', protocol: 'https', isOfServers: false },
  { service: '_etcd', protocol: 'http', isOfServers: false },
  { service: '_etcd-server-ssl', protocol: 'https', isOfServers: true },
  { service: '_etcd-server', protocol: 'http', isOfServers: true },
] as const;

/**
 * The first addresses to ask: those of the first kind of SRV record that leads to any, else the configured ones.
 * The records of all kinds are asked for at once, so that a DNS without answer costs its time-out once.
 */
export async function findSeeds(
  settings: EtcdSettings,
  options: ResolveServiceOptions,
  resolve: ResolveService = resolveService,
): Promise<readonly string[]> {
  const { srv } = settings;
  if (srv === undefined) return settings.seeds;
  const endsAt = options.clock.monotonic() + options.timeoutMs;
  const suffix = settings.srvSuffix === undefined ? '' : `-${settings.srvSuffix}`;
  const records = await Promise.all(SERVICES.map(({ service }) => resolve(`${service}${suffix}._tcp.${srv}`, options)));
  for (const [i, { protocol, isOfServers }] of SERVICES.entries()) {
    const origins = (records[i] ?? []).map((target) => originOf(protocol, target));
    const timeoutMs = endsAt - options.clock.monotonic();
    const urls = isOfServers ? await askServers(origins, { ...options, timeoutMs }) : origins;
    if (urls.length > 0) return urls;
  }
  return settings.seeds;
}

function originOf(protocol: string, { host, port }: ServiceTarget): string {
  return `${protocol}://${host}:${port}`;
}

/** The client addresses that the first server to answer knows of all members; none when nobody answers. */
async function askServers(origins: readonly string[], options: ResolveServiceOptions): Promise<readonly string[]> {
  if (origins.length === 0 || options.timeoutMs <= 0) return [];
  try {
    return await Promise.any(origins.map((origin) => clientUrlsAt(origin, options)));
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    return [];
  }
}

async function clientUrlsAt(origin: string, { clock, timeoutMs }: ResolveServiceOptions): Promise<readonly string[]> {
  // Not verified, as in Patroni: members have certificates of their own among themselves, and what comes of it is only an address.
  const endpoint = new HttpEndpoint({ origin, clock, tls: { rejectUnauthorized: false } });
  try {
    const { status, body } = await endpoint.request({ method: 'GET', path: '/members', timeoutMs, isRepeatable: true });
    const urls = status === 200 ? urlsIn(body) : [];
    if (urls.length === 0) throw new HttpFailure(`no members at ${origin}: status ${status}`, true);
    return urls;
  } finally {
    endpoint.close();
  }
}

function urlsIn(body: string): readonly string[] {
  let document: unknown;
  try {
    document = parseJson(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [];
  }
  if (!Array.isArray(document)) return [];
  return document.flatMap((member) =>
    isJsonObject(member) && Array.isArray(member['clientURLs']) ? member['clientURLs'].map(String) : [],
  );
}
