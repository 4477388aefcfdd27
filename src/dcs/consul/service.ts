import { isDeepStrictEqual } from 'node:util';
import { parseMemberData } from '../../cluster/member.js';
import type { Member } from '../../cluster/view.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Deadline } from '../shared/retry.js';
import type { ConsulClient } from './client.js';
import { ConsulError } from './errors.js';
import { type Session, secondsText } from './session.js';
import type { ServiceSettings } from './settings.js';

/** A name is a part of a host name, and those have a limit. */
const MAX_NAME_LENGTH = 230;
/** A service whose check fails for so many times the session's ttl is removed by Consul. */
const DEREGISTER_AFTER_TTLS = 10;
const ROLES: ReadonlySet<string> = new Set(['primary', 'replica', 'standby-leader']);
/** Members whose change moves the service. */
const WATCHED = ['role', 'api_url', 'conn_url', 'state'] as const;

export interface ServiceOptions {
  readonly client: ConsulClient;
  readonly session: Session;
  readonly log: Log;
  readonly scope: string;
  readonly name: string;
  readonly service: ServiceSettings;
}

/** Registers the member as a service at its Consul agent, with tags that follow its role (dcs.md §11.5). */
export class ServiceRegistration {
  readonly #options: ServiceOptions;
  #settings: ServiceSettings;
  #applied: { readonly settings: ServiceSettings; readonly token: string | undefined };
  #isPending = false;

  constructor(options: ServiceOptions) {
    const { client, service, log, scope } = options;
    this.#options = options;
    this.#settings = service;
    this.#applied = { settings: service, token: client.access.token };
    const name = serviceName(scope);
    if (service.isRegistered && name !== scope) log.warning(`Using ${name} as consul service name instead of scope name ${scope}`);
  }

  configure(settings: ServiceSettings): void {
    this.#settings = settings;
  }

  /** Registers, or takes back, what the member says now. A failure is logged and tried again with the next call. @param known as registered. */
  async follow(value: string, known: Member | undefined, deadline: Deadline): Promise<void> {
    const { client, log } = this.#options;
    const applied = { settings: this.#settings, token: client.access.token };
    if (!this.#settings.isRegistered && !this.#applied.settings.isRegistered) return;
    const data = parseMemberData(value);
    const isChanged = known === undefined || WATCHED.some((key) => known.data[key] !== data[key]);
    if (!isChanged && !this.#isPending && isDeepStrictEqual(applied, this.#applied)) return;
    try {
      await this.#apply(data, deadline);
      this.#isPending = false;
      this.#applied = applied;
    } catch (error) {
      if (!(error instanceof ConsulError || error instanceof DcsUnavailable)) throw error;
      this.#isPending = true;
      log.warning(`the service was not registered at Consul: ${error.message}`);
    }
  }

  async #apply(data: Readonly<Record<string, unknown>>, deadline: Deadline): Promise<void> {
    const { client, session, log, scope, name } = this.#options;
    const id = `${scope}/${name}`;
    const [role, state] = [data['role'], data['state']];
    if (WATCHED.some((key) => typeof data[key] !== 'string')) {
      log.warning('Could not register service: not enough params in member data');
      return;
    }
    if (state === 'stopped' || !this.#settings.isRegistered) {
      const path = `/v1/agent/service/deregister/${id.split('/').map(encodeURIComponent).join('/')}`;
      await client.send({ method: 'PUT', path, attempts: 'once', accept: [404] }, deadline);
      return;
    }
    const tag = String(role).replaceAll('_', '-');
    if (!ROLES.has(tag)) {
      log.warning(`Could not register service: unknown role type ${tag}`);
      return;
    }
    if (state !== 'running') return;
    const body = serviceDocument({ id, tag, data, settings: this.#settings, scope, sessionTtlMs: session.ttlMs });
    if (body === undefined) return;
    const request = { method: 'PUT', path: '/v1/agent/service/register', body: JSON.stringify(body), attempts: 'once' } as const;
    await client.send(request, deadline);
  }
}

function serviceDocument(source: {
  readonly id: string;
  readonly tag: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly settings: ServiceSettings;
  readonly scope: string;
  readonly sessionTtlMs: number;
}): unknown {
  const { id, tag, data, settings, scope, sessionTtlMs } = source;
  const [database, api] = [String(data['conn_url']), String(data['api_url'])];
  if (!URL.canParse(database) || !URL.canParse(api)) return undefined;
  const { hostname, port } = new URL(database);
  const { protocol, host } = new URL(api);
  return {
    id,
    name: serviceName(scope),
    address: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 5432),
    tags: [...settings.tags, tag, ...(tag === 'primary' ? ['master'] : [])],
    enabletagoverride: true,
    checks: [
      {
        http: `${protocol}//${host}/${tag}`,
        interval: settings.checkInterval,
        DeregisterCriticalServiceAfter: secondsText(sessionTtlMs * DEREGISTER_AFTER_TTLS),
        ...(settings.checkTlsServerName === undefined ? {} : { TLSServerName: settings.checkTlsServerName }),
      },
    ],
  };
}

/** The scope as a part of a DNS name: `My_Scope.é` → `my-scope-u0233`. */
export function serviceName(scope: string): string {
  const mapped = [...scope.toLowerCase()].map((letter) => {
    if (/[._ ]/.test(letter)) return '-';
    return /[a-z0-9-]/.test(letter) ? letter : `u${String(letter.codePointAt(0)).padStart(4, '0')}`;
  });
  return mapped.join('').slice(0, MAX_NAME_LENGTH);
}
