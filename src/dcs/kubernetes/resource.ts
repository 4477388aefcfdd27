import { isJsonObject, type JsonObject } from '../../base/json.js';
import type { StreamHandlers } from '../shared/http-client.js';
import type { Deadline } from '../shared/retry.js';
import type { Attempts, KubernetesClient } from './client.js';
import { KubernetesError } from './errors.js';
import { type KubeObject, parseObject } from './objects.js';
import type { Labels } from './settings.js';

/** What a write changes of an object. `null` removes an annotation or a label. */
export interface Change {
  readonly annotations?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string | null>>;
  /** Of Endpoints; undefined: as they are. */
  readonly subsets?: JsonObject[string] | undefined;
  /** The object must still have it. */
  readonly resourceVersion?: string | undefined;
}

export interface ObjectList {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

/** How a write is sent. */
export interface Sending {
  readonly deadline: Deadline;
  readonly attempts: Attempts;
  readonly repeatsDenied?: boolean;
}

/** The objects of one kind that carry our labels, in one namespace. */
export class Resource {
  readonly #client: KubernetesClient;
  readonly #path: string;
  readonly #namespace: string;
  readonly #labels: Labels;

  constructor(client: KubernetesClient, namespace: string, kind: 'pods' | 'configmaps' | 'endpoints' | 'services', labels: Labels) {
    this.#client = client;
    this.#namespace = namespace;
    this.#path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/${kind}`;
    this.#labels = labels;
  }

  /** All of them, as the quorum has them now. */
  async list(deadline: Deadline): Promise<ObjectList> {
    const request = { method: 'GET', path: this.#path, query: this.#selector(), attempts: 'repeat' } as const;
    const { body } = await this.#client.send(request, deadline);
    const { items, metadata } = body;
    const version = isJsonObject(metadata) ? metadata['resourceVersion'] : undefined;
    if (!(Array.isArray(items) || items === null) || typeof version !== 'string')
      throw new KubernetesError('unavailable', 'not an answer of Kubernetes: no list of objects');
    return { items: (items ?? []).map(parseObject), resourceVersion: version };
  }

  /** One of them, as the quorum has it now. */
  async read(name: string, deadline: Deadline): Promise<KubeObject | undefined> {
    try {
      const { body } = await this.#client.send({ method: 'GET', path: this.#one(name), attempts: 'repeat' }, deadline);
      return parseObject(body);
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  /** @throws KubernetesError `absent`, or `conflict` where the resourceVersion is another one */
  async patch(name: string, change: Change, sending: Sending): Promise<KubeObject> {
    const { labels, annotations, resourceVersion, subsets } = change;
    const metadata: JsonObject = {
      namespace: this.#namespace,
      name,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const body: JsonObject = { metadata, ...(subsets === undefined ? {} : { subsets }) };
    return this.#write('PATCH', this.#one(name), body, sending);
  }

  /** @throws KubernetesError `conflict` where it exists */
  create(name: string, { annotations = {}, subsets }: Change, sending: Sending, spec?: JsonObject): Promise<KubeObject> {
    const present = Object.fromEntries(Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== null));
    const metadata: JsonObject = { namespace: this.#namespace, name, labels: this.#labels, annotations: present };
    const body: JsonObject = { metadata, ...(subsets === undefined ? {} : { subsets }), ...(spec === undefined ? {} : { spec }) };
    return this.#write('POST', this.#path, body, sending);
  }

  async deleteAll(deadline: Deadline): Promise<void> {
    await this.#client.send({ method: 'DELETE', path: this.#path, query: this.#selector(), attempts: 'repeat' }, deadline);
  }

  /** Opens a stream of what happens after `resourceVersion`. @throws HttpFailure */
  watch(
    options: {
      readonly resourceVersion: string;
      readonly hasBookmarks: boolean;
      readonly lastsSeconds: number;
      readonly openMs: number;
      readonly signal: AbortSignal;
    },
    handlers: StreamHandlers,
  ): Promise<{ close(): void }> {
    const { resourceVersion, hasBookmarks, lastsSeconds, openMs, signal } = options;
    const watching = { watch: 'true', timeoutSeconds: String(lastsSeconds), resourceVersion };
    const query = { ...this.#selector(), ...watching, ...(hasBookmarks ? { allowWatchBookmarks: 'true' } : {}) };
    return this.#client.watch(this.#path, query, openMs, signal, handlers);
  }

  async #write(method: 'PATCH' | 'POST', path: string, body: JsonObject, sending: Sending): Promise<KubeObject> {
    const { deadline, attempts, repeatsDenied = false } = sending;
    const answer = await this.#client.send({ method, path, body, attempts, repeatsDenied }, deadline);
    return parseObject(answer.body);
  }

  #one(name: string): string {
    return `${this.#path}/${encodeURIComponent(name)}`;
  }

  #selector(): { readonly labelSelector: string } {
    const parts = Object.entries(this.#labels).map(([key, value]) => `${key}=${value}`);
    return { labelSelector: parts.join(',') };
  }
}
