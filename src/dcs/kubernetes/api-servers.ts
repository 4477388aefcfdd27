import { checkServerIdentity } from 'node:tls';
import { isJsonObject, type Json, type JsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { HttpEndpoint } from '../shared/http-client.js';
import type { ApiAccess } from './access.js';

/** Of `endpoints/kubernetes`, where the API servers are listed. */
const PORT_NAME = 'https';

/**
 * The servers to ask: the address of the settings, or, with `bypass_api_service`, the API servers behind it. One is asked
 * until it fails. A server that is reached directly must show the certificate of the usual address.
 */
export class ApiServers {
  readonly #access: ApiAccess;
  readonly #clock: Clock;
  #endpoints: ReadonlyMap<string, HttpEndpoint>;
  #current: string;

  constructor(access: ApiAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
    this.#current = access.origin;
    this.#endpoints = new Map([[access.origin, this.#open(access.origin)]]);
  }

  get count(): number {
    return this.#endpoints.size;
  }

  get current(): HttpEndpoint {
    const endpoint = this.#endpoints.get(this.#current);
    if (endpoint === undefined) throw new Error(`no endpoint ${this.#current}`);
    return endpoint;
  }

  /** Turns to the next server. */
  leave(endpoint: HttpEndpoint): void {
    const origins = [...this.#endpoints.keys()];
    // Somebody else may have turned already.
    if (this.#endpoints.get(this.#current) !== endpoint) return;
    this.#current = origins[(origins.indexOf(this.#current) + 1) % origins.length] ?? this.#current;
  }

  /**
   * The usual address stays as the last resort: all servers may have moved since they were listed.
   * @param chance in [0, 1): which one is asked first, so that not all members ask the same.
   */
  replace(origins: readonly string[], chance: number): void {
    const before = this.#endpoints;
    const usual = this.#access.origin;
    this.#endpoints = new Map([...origins, usual].map((origin) => [origin, before.get(origin) ?? this.#open(origin)]));
    for (const [origin, endpoint] of before) if (!this.#endpoints.has(origin)) endpoint.close();
    const isDirect = this.#current !== usual && this.#endpoints.has(this.#current);
    if (!isDirect) this.#current = origins[Math.floor(chance * origins.length)] ?? usual;
  }

  /** Back to the address of the settings. */
  reset(): void {
    this.replace([], 0);
  }

  close(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.close();
  }

  #open(origin: string): HttpEndpoint {
    const { tls, origin: usual } = this.#access;
    const host = new URL(usual).hostname.replace(/^\[|\]$/g, '');
    const checked =
      origin === usual
        ? tls
        : { ...tls, checkServerIdentity: (_: string, cert: Parameters<typeof checkServerIdentity>[1]) => checkServerIdentity(host, cert) };
    return new HttpEndpoint({ origin, clock: this.#clock, tls: checked });
  }
}

/** The API servers that an Endpoints object lists; none if there is no port named `https`. */
export function originsOf(endpoints: JsonObject): readonly string[] {
  return listOf(endpoints['subsets']).flatMap((subset) => {
    const port = listOf(subset['ports']).find(({ name, protocol }) => name === PORT_NAME && (protocol ?? 'TCP') === 'TCP')?.['port'];
    if (typeof port !== 'number') return [];
    return listOf(subset['addresses']).flatMap(({ ip }) =>
      typeof ip === 'string' ? [`https://${ip.includes(':') ? `[${ip}]` : ip}:${port}`] : [],
    );
  });
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
