import { readFileSync } from 'node:fs';
import type { Clock } from '../../ports/clock.js';
import { settingError } from './errors.js';

/** Kubernetes replaces token files long before their end; the old token goes on until it is refused. */
const TOKEN_MAX_AGE_MS = 60_000;

/** The header `Authorization`. */
export interface Authorization {
  header(): string | undefined;
  /** After a refusal. @returns whether there is something else to try. */
  renew(): boolean;
}

/** A file that a setting names. @throws DcsSettingError */
export function readSetting(file: string, path: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw settingError(path, `can't be read: ${(error as Error).message}`, file);
  }
}

/** undefined: no file, an empty one, or not ours to read. */
export function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    // We are in no pod, or the last token goes on.
    return undefined;
  }
}

/** A token that somebody replaces from time to time. */
export class TokenFile implements Authorization {
  readonly #file: string;
  readonly #clock: Clock;
  #token: string | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  header(): string | undefined {
    if (this.#clock.monotonic() - this.#readAt > TOKEN_MAX_AGE_MS) this.#read();
    return this.#token === undefined ? undefined : `Bearer ${this.#token}`;
  }

  renew(): boolean {
    const before = this.#token;
    this.#read();
    return this.#token !== before;
  }

  #read(): void {
    this.#readAt = this.#clock.monotonic();
    this.#token = contentOf(this.#file) ?? this.#token;
  }
}

/** What never changes while we run. */
export function fixedAuthorization(header: string | undefined): Authorization {
  return { header: () => header, renew: () => false };
}
