import { milliseconds } from '../../base/duration.js';
import { isJsonObject, parseJsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Random } from '../../ports/random.js';
import { HttpFailure } from '../shared/http-client.js';
import { Deadline } from '../shared/retry.js';
import { KubernetesError } from './errors.js';
import { isNewer, type KubeObject, parseObject } from './objects.js';
import type { Resource } from './resource.js';

/** Between two tries of a broken watch. */
const RESTART_PAUSE_MS = 500;
/** Budget of a list, and of opening the watch. */
const OPEN_TIMEOUT_MS = milliseconds(5000);
/** How long a watch is asked for, as kube-apiserver would choose by itself: half an hour to an hour. */
const WATCH_SECONDS = 1800;

export interface ObjectCacheOptions {
  readonly resource: Resource;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether the API server is to say once a minute that the watch lives, for objects of which there may be nothing to tell. */
  readonly hasBookmarks: boolean;
  /** `isOwn`: by a write of this process. */
  readonly onChange: (name: string, before: KubeObject | undefined, after: KubeObject | undefined, isOwn: boolean) => void;
  /** The watch broke and is open again: what came between was read, but who waited was not told while it was broken. */
  readonly onReconnected: () => void;
}

/**
 * A copy of our objects of one kind, kept by a watch.
 *
 * States: `closed` → `opening` (list, then watch from its version) → `open` → `opening` when the stream ends, says that its
 * version is gone, falls silent, or a request found no server. Only in `open` is the copy used; a list decides otherwise.
 * Own writes enter the copy with their answer; what the watch tells of an object meanwhile waits for it.
 */
export class ObjectCache {
  readonly #options: ObjectCacheOptions;
  readonly #stopping = new AbortController();
  #objects = new Map<string, KubeObject>();
  /** Where the watch goes on; undefined: list first. */
  #version: string | undefined;
  /** Of the last list: what the watch tells of the time before is known. */
  #listVersion = '0';
  #listedAt = Number.NEGATIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;
  #isOpen = false;
  #endStream: (() => void) | undefined;
  #running: Promise<void> | undefined;
  /** By name, what was told while an own write is on its way. */
  readonly #waiting = new Map<string, { writes: number; events: (() => void)[] }>();
  /** By name, the number of the last change that came by watch or own write: a list that was asked for before must not undo it. */
  readonly #changed = new Map<string, number>();
  #changes = 0;

  constructor(options: ObjectCacheOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#endStream?.();
    await this.#running;
  }

  get(name: string): KubeObject | undefined {
    return this.#objects.get(name);
  }

  /** Monotonic time at which the last list was asked for. */
  get listedAt(): number {
    return this.#listedAt;
  }

  /** The copy, if its watch is open and was heard of within `silenceMs`; else what a list shows. @throws DcsUnavailable, KubernetesError */
  async current(deadline: Deadline, silenceMs: number): Promise<readonly KubeObject[]> {
    const isSilent = this.#options.clock.monotonic() - this.#heardAt > silenceMs;
    if (this.#isOpen && isSilent) this.restart();
    if (!this.#isOpen) await this.list(deadline);
    return [...this.#objects.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Ends the watch; it begins anew where it was. */
  restart(): void {
    this.#isOpen = false;
    this.#endStream?.();
  }

  /** Lists the objects and brings the copy up to date. */
  async list(deadline: Deadline): Promise<void> {
    const startedAt = this.#options.clock.monotonic();
    const changesBefore = this.#changes;
    const { items, resourceVersion } = await this.#options.resource.list(deadline);
    const isKept = (name: string): boolean => this.#waiting.has(name) || (this.#changed.get(name) ?? 0) > changesBefore;
    const listed = new Set(items.map(({ name }) => name));
    for (const name of [...this.#objects.keys()]) if (!listed.has(name) && !isKept(name)) this.#set(name, undefined, false);
    for (const item of items) if (!isKept(item.name)) this.#set(item.name, item, false);
    this.#listedAt = startedAt;
    if (this.#isOpen) return;
    this.#listVersion = resourceVersion;
    this.#version = resourceVersion;
  }

  /** Reads one object and brings the copy up to date. */
  async read(name: string, deadline: Deadline): Promise<KubeObject | undefined> {
    const changesBefore = this.#changes;
    const found = await this.#options.resource.read(name, deadline);
    if ((this.#changed.get(name) ?? 0) <= changesBefore) this.#set(name, found, false);
    return found;
  }

  /** Runs an own write of an object: its answer enters the copy and wakes nobody here. */
  async write(name: string, send: () => Promise<KubeObject>): Promise<KubeObject> {
    const waiting = this.#waiting.get(name) ?? { writes: 0, events: [] };
    waiting.writes += 1;
    this.#waiting.set(name, waiting);
    try {
      const written = await send();
      const known = this.#objects.get(name);
      if (known === undefined || isNewer(written.resourceVersion, known.resourceVersion)) this.#change(name, written, true);
      return written;
    } finally {
      waiting.writes -= 1;
      if (waiting.writes === 0) {
        this.#waiting.delete(name);
        for (const event of waiting.events) event();
      }
    }
  }

  async #run(): Promise<void> {
    const { clock, random, onReconnected } = this.#options;
    const { signal } = this.#stopping;
    let isBroken = false;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.list(new Deadline(clock, random, { timeoutMs: OPEN_TIMEOUT_MS, signal }));
        await this.#watch(() => {
          if (isBroken) onReconnected();
          isBroken = false;
        });
      } catch (error) {
        if (!(error instanceof KubernetesError || error instanceof HttpFailure || error instanceof DcsUnavailable)) throw error;
        isBroken = true;
        this.#version = undefined;
        await clock.sleep(RESTART_PAUSE_MS * (0.5 + random.next()), signal);
      }
    }
  }

  /** One stream, until it ends. @throws HttpFailure, KubernetesError */
  async #watch(onOpen: () => void): Promise<void> {
    const { resource, hasBookmarks, clock, random } = this.#options;
    const options = {
      resourceVersion: this.#version ?? '0',
      hasBookmarks,
      lastsSeconds: Math.round(WATCH_SECONDS * (1 + random.next())),
      openMs: OPEN_TIMEOUT_MS,
      signal: this.#stopping.signal,
    };
    let finish: (error?: Error) => void = () => undefined;
    const ended = new Promise<void>((resolve, reject) => {
      finish = (error) => (error === undefined ? resolve() : reject(error));
    });
    // The stream may end before anybody waits for it.
    ended.catch(() => undefined);
    const stream = await resource.watch(options, {
      onLine: (line) => {
        this.#heardAt = clock.monotonic();
        const error = this.#take(line);
        if (error !== undefined) finish(error);
      },
      onEnd: (error) => finish(error === undefined ? undefined : new HttpFailure(`watch: ${error.message}`, true, error)),
    });
    this.#heardAt = clock.monotonic();
    this.#isOpen = !this.#stopping.signal.aborted;
    this.#endStream = () => finish();
    if (this.#stopping.signal.aborted) finish();
    onOpen();
    try {
      await ended;
    } finally {
      this.#isOpen = false;
      this.#endStream = undefined;
      stream.close();
    }
  }

  /** @returns why the stream can't go on. */
  #take(line: string): Error | undefined {
    const event = parseJsonObject(line);
    const object = event?.['object'];
    if (event?.['type'] === 'ERROR') {
      const code = isJsonObject(object) ? object['code'] : undefined;
      return new KubernetesError(code === 410 ? 'gone' : 'unavailable', `watch: status ${String(code)}`);
    }
    try {
      if (event?.['type'] === 'BOOKMARK') {
        const metadata = isJsonObject(object) ? object['metadata'] : undefined;
        const version = isJsonObject(metadata) ? metadata['resourceVersion'] : undefined;
        if (typeof version === 'string') this.#version = version;
        return undefined;
      }
      const told = parseObject(object);
      this.#version = told.resourceVersion;
      if (!isNewer(told.resourceVersion, this.#listVersion)) return undefined;
      this.#tell(told, event?.['type'] === 'DELETED');
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  #tell(told: KubeObject, isDeleted: boolean): void {
    const apply = (): void => {
      const known = this.#objects.get(told.name);
      if (known !== undefined && !isNewer(told.resourceVersion, known.resourceVersion)) return;
      this.#change(told.name, isDeleted ? undefined : told, false);
    };
    const waiting = this.#waiting.get(told.name);
    if (waiting === undefined) apply();
    else waiting.events.push(apply);
  }

  #change(name: string, object: KubeObject | undefined, isOwn: boolean): void {
    this.#changes += 1;
    this.#changed.set(name, this.#changes);
    this.#set(name, object, isOwn);
  }

  #set(name: string, object: KubeObject | undefined, isOwn: boolean): void {
    const before = this.#objects.get(name);
    if (before?.resourceVersion === object?.resourceVersion) return;
    if (object === undefined) this.#objects.delete(name);
    else this.#objects.set(name, object);
    this.#options.onChange(name, before, object, isOwn);
  }
}
