import { parseJsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { DcsSettingError } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { HttpEndpoint, HttpFailure } from '../shared/http-client.js';
import type { Server } from './connection.js';
import type { ServerSource } from './servers.js';

const PATH = '/exhibitor/v1/cluster/list';
/** As Patroni's. */
const ANSWER_TIMEOUT_MS = 3100;
const DEFAULT_POLL_SECONDS = 300;
/** Until the first answer. */
const FIRST_POLL_MS = 5000;

export interface ExhibitorOptions {
  readonly section: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The servers of an ensemble, as Exhibitor tells them. It is asked before connections are made, at most once in
 * `poll_interval`: first beside the servers that are known, then where the configuration says. Without an answer the known
 * ones stay.
 */
export class ExhibitorServers implements ServerSource {
  readonly #options: ExhibitorOptions;
  readonly #hosts: readonly string[];
  readonly #port: number;
  readonly #pollMs: number;
  readonly #stopping = new AbortController();
  #known: readonly Server[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #cancelTimer = (): void => undefined;

  /** @throws DcsSettingError when the section names no host or port. */
  constructor(options: ExhibitorOptions) {
    const { section } = options;
    this.#options = options;
    const hosts = section['hosts'];
    this.#hosts = (Array.isArray(hosts) ? hosts.map(String) : String(hosts ?? '').split(',')).map((host) => host.trim()).filter(Boolean);
    this.#port = Number(section['port']);
    if (this.#hosts.length === 0) throw new DcsSettingError('exhibitor.hosts: no host is named');
    if (!isPort(this.#port)) throw new DcsSettingError(`exhibitor.port: ${String(section['port'])} is not a port`);
    const seconds = Number(section['poll_interval'] ?? DEFAULT_POLL_SECONDS);
    if (!(seconds >= 1)) throw new DcsSettingError(`exhibitor.poll_interval: ${String(section['poll_interval'])} is not at least 1`);
    this.#pollMs = seconds * 1000;
  }

  async list(): Promise<readonly Server[]> {
    if (this.#known.length === 0) await this.#refresh();
    return this.#known;
  }

  close(): void {
    this.#stopping.abort();
    this.#cancelTimer();
  }

  #refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const { clock, log } = this.#options;
    const waitMs = this.#askedAt + FIRST_POLL_MS - clock.monotonic();
    if (this.#known.length === 0 && waitMs > 0) await clock.sleep(waitMs, this.#stopping.signal);
    if (this.#stopping.signal.aborted) return;
    this.#askedAt = clock.monotonic();
    const found = await this.#askAny();
    if (found === undefined)
      log.warning(this.#known.length === 0 ? 'waiting on exhibitor' : 'no answer from exhibitor; the known servers stay');
    else if (textOf(found) !== textOf(this.#known)) {
      if (this.#known.length > 0) log.info(`ZooKeeper connection string has changed: ${textOf(this.#known)} => ${textOf(found)}`);
      this.#known = found;
    }
    this.#cancelTimer();
    if (!this.#stopping.signal.aborted) this.#cancelTimer = clock.after(this.#pollMs, () => void this.#refresh());
  }

  async #askAny(): Promise<readonly Server[] | undefined> {
    const known = this.#known.map(({ host }) => host);
    for (const host of [...this.#shuffled(known), ...this.#shuffled(this.#hosts)]) {
      const servers = await this.#askOne(host);
      if (servers !== undefined) return servers;
      if (this.#stopping.signal.aborted) return undefined;
    }
    return undefined;
  }

  /** @returns undefined: no usable answer. */
  async #askOne(host: string): Promise<readonly Server[] | undefined> {
    const { clock, log } = this.#options;
    const origin = `http://${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
    const endpoint = new HttpEndpoint({ origin, clock });
    try {
      const { signal } = this.#stopping;
      const { status, body } = await endpoint.request({ method: 'GET', path: PATH, timeoutMs: ANSWER_TIMEOUT_MS, signal });
      const servers = status === 200 ? parseServers(body) : undefined;
      if (servers === undefined) log.warning(`exhibitor at ${origin}: status ${status}, no list of servers`);
      return servers;
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      log.debug(`exhibitor: ${error.message}`);
      return undefined;
    } finally {
      endpoint.close();
    }
  }

  #shuffled(hosts: readonly string[]): string[] {
    const { random } = this.#options;
    return hosts
      .map((host) => ({ host, key: random.next() }))
      .sort((a, b) => a.key - b.key)
      .map(({ host }) => host);
  }
}

/** `{"servers": ["10.1.0.9"], "port": 2181}`; a list without servers is no answer. */
function parseServers(body: string): readonly Server[] | undefined {
  const document = parseJsonObject(body);
  const [names, port] = [document?.['servers'], Number(document?.['port'])];
  if (!Array.isArray(names) || names.length === 0 || !isPort(port)) return undefined;
  if (!names.every((name): name is string => typeof name === 'string' && name !== '')) return undefined;
  return [...names].sort().map((host) => ({ host, port }));
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65535;
}

function textOf(servers: readonly Server[]): string {
  return servers.map(({ host, port }) => `${host}:${port}`).join(',');
}
