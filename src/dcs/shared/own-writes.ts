/** Own writes that were not seen yet, per key. */
const MOST = 8;

/** Writes of this client that its watch will tell of like those of others, so that they wake nobody here. */
export class OwnWrites {
  /** `null`: a deletion. */
  readonly #byKey = new Map<string, (string | null)[]>();

  /** @param value undefined: a deletion. */
  announce(key: string, value: string | undefined): void {
    const writes = this.#byKey.get(key) ?? [];
    writes.push(value ?? null);
    if (writes.length > MOST) writes.shift();
    this.#byKey.set(key, writes);
  }

  /** Whether the value that a key was found to have is one of them. */
  explain(key: string, value: string | undefined): boolean {
    const writes = this.#byKey.get(key);
    if (writes === undefined) return false;
    const at = writes.indexOf(value ?? null);
    // What came before has been seen or overwritten; a value of somebody else makes them all the past.
    if (at < 0) this.#byKey.delete(key);
    else writes.splice(0, at + 1);
    return at >= 0;
  }
}
