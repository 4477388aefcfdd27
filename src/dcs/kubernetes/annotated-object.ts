import { DcsUnavailable } from '../../ports/dcs.js';
import type { Deadline } from '../shared/retry.js';
import type { Attempts } from './client.js';
import { KubernetesError } from './errors.js';
import type { ObjectCache } from './object-cache.js';
import type { KubeObject } from './objects.js';
import type { Resource } from './resource.js';

/** Writes that were overtaken by somebody else's before an operation gives up. */
const MAX_TRIES = 5;

type Annotations = Readonly<Record<string, string | null>>;

/** Writes of annotations of one object, which is created when it is not there. */
export class AnnotatedObject {
  readonly #name: string;
  readonly #resource: Resource;
  readonly #cache: ObjectCache;

  constructor(name: string, resource: Resource, cache: ObjectCache) {
    this.#name = name;
    this.#resource = resource;
    this.#cache = cache;
  }

  /** Whatever is there. */
  async put(annotations: Annotations, deadline: Deadline, attempts: Attempts = 'once'): Promise<void> {
    let isThere = this.#cache.get(this.#name) !== undefined;
    for (let tries = 1; ; tries += 1) {
      try {
        await (isThere ? this.#patch(annotations, undefined, deadline, attempts) : this.#create(annotations, deadline, attempts));
        return;
      } catch (error) {
        // Unguarded, so it does not matter which of the two it is: the copy may be wrong about it.
        const isMistaken = error instanceof KubernetesError && (error.kind === 'conflict' || error.kind === 'absent');
        if (!isMistaken || tries === MAX_TRIES) throw error;
        isThere = error.kind === 'conflict';
      }
    }
  }

  /**
   * Only if the object still has that version. @returns its new one; undefined: it has another one.
   * After an attempt without answer the object is looked at.
   */
  async replace(annotations: Annotations, version: string, deadline: Deadline, attempts: Attempts): Promise<string | undefined> {
    try {
      return (await this.#patch(annotations, version, deadline, attempts)).resourceVersion;
    } catch (error) {
      if (!(error instanceof KubernetesError) || (error.kind !== 'conflict' && error.kind !== 'absent')) throw error;
      const found = await this.#cache.read(this.#name, deadline);
      return error.isAmbiguous && holds(found, annotations) ? found?.resourceVersion : undefined;
    }
  }

  /**
   * Only while the object has none of the annotations `free`: whatever else is in it stays, and may change meanwhile.
   * @returns the new version; undefined: one of them is there.
   * @throws DcsUnavailable when it can't be told whether what is there is ours.
   */
  async claim(annotations: Annotations, free: readonly string[], deadline: Deadline): Promise<string | undefined> {
    let isAmbiguous = false;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const object = await this.#cache.read(this.#name, deadline);
      if (object !== undefined && free.some((key) => object.annotations[key] !== undefined)) {
        if (!isAmbiguous || !holds(object, annotations)) return undefined;
        // An identifier is ours alone. The empty text may be another member's: nobody can tell.
        if (!Object.values(annotations).includes('')) return object.resourceVersion;
        throw new DcsUnavailable(`write ${this.#name}: the first attempt was not answered (kubernetes)`);
      }
      try {
        const written = await (object === undefined
          ? this.#create(annotations, deadline, 'repeat')
          : this.#patch(annotations, object.resourceVersion, deadline, 'repeat'));
        return written.resourceVersion;
      } catch (error) {
        if (!(error instanceof KubernetesError) || (error.kind !== 'conflict' && error.kind !== 'absent')) throw error;
        isAmbiguous ||= error.isAmbiguous;
      }
    }
    throw new DcsUnavailable(`write ${this.#name}: overtaken ${MAX_TRIES} times (kubernetes)`);
  }

  /** Without effect where there is no such object. */
  async remove(annotations: Annotations, deadline: Deadline): Promise<void> {
    try {
      await this.#patch(annotations, undefined, deadline, 'repeat');
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== 'absent') throw error;
    }
  }

  #create(annotations: Annotations, deadline: Deadline, attempts: Attempts): Promise<KubeObject> {
    return this.#cache.write(this.#name, () => this.#resource.create(this.#name, { annotations }, { deadline, attempts }));
  }

  #patch(annotations: Annotations, resourceVersion: string | undefined, deadline: Deadline, attempts: Attempts): Promise<KubeObject> {
    return this.#cache.write(this.#name, () => this.#resource.patch(this.#name, { annotations, resourceVersion }, { deadline, attempts }));
  }
}

function holds(object: KubeObject | undefined, annotations: Annotations): boolean {
  return object !== undefined && Object.entries(annotations).every(([key, value]) => (object.annotations[key] ?? null) === value);
}
