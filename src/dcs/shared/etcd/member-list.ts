import type { Random } from '../../../ports/random.js';
import { HttpFailure } from '../http-client.js';

/**
 * The addresses to send requests to. One of them, the base, is used until it fails (dcs.md §8.2). It begins with the seeds;
 * the members' own list replaces them. Once nobody has answered, the seeds are asked anew, and after them the addresses
 * known so far: the settings may name only servers that were replaced since.
 */
export class MemberList {
  readonly #random: Random;
  readonly #findSeeds: (timeoutMs: number) => Promise<readonly string[]>;
  #addresses: readonly string[] = [];
  #isSeeded = false;
  #base = 0;
  #isDiscovered = false;

  constructor(random: Random, findSeeds: (timeoutMs: number) => Promise<readonly string[]>) {
    this.#random = random;
    this.#findSeeds = findSeeds;
  }

  /** At least 1. */
  get count(): number {
    return Math.max(1, this.#addresses.length);
  }

  /** The members themselves were asked for the list. */
  get isDiscovered(): boolean {
    return this.#isDiscovered;
  }

  get base(): string {
    return this.#addresses[this.#base % this.count] ?? '';
  }

  /** @throws HttpFailure when there is no address at all. */
  async seed(timeoutMs: number): Promise<void> {
    if (this.#isSeeded) return;
    const seeds = this.#shuffled(await this.#findSeeds(timeoutMs));
    // Another request may have done the same meanwhile, and gone on from there.
    if (this.#isSeeded) return;
    this.#isSeeded = true;
    this.#addresses = [...new Set([...seeds, ...this.#addresses])];
    this.#base = 0;
    if (this.#addresses.length > 0) return;
    this.#isSeeded = false;
    throw new HttpFailure('no address of an etcd server', false);
  }

  moveOn(): void {
    this.#base += 1;
  }

  /** Everybody failed. Other requests may be under way: they keep the list until there is another. */
  forget(): void {
    this.#isSeeded = false;
    this.#isDiscovered = false;
  }

  /** The next request asks for the members again; until then the list stays. */
  refresh(): void {
    this.#isDiscovered = false;
  }

  /** Takes over what the members say of themselves; undefined or nothing keeps the list. */
  discover(urls: readonly string[] | undefined): void {
    this.#isDiscovered = true;
    const known = [...new Set((urls ?? []).map((url) => url.replace(/\/+$/, '')))];
    if (known.length === 0) return;
    const current = this.base;
    const others = this.#shuffled(known.filter((url) => url !== current));
    // The member that just answered stays the base, so that discovery does not move everybody to the same one.
    this.#addresses = known.includes(current) ? [current, ...others] : others;
    this.#base = 0;
  }

  #shuffled(items: readonly string[]): string[] {
    return items
      .map((item) => ({ item, order: this.#random.next() }))
      .sort((a, b) => a.order - b.order)
      .map(({ item }) => item);
  }
}
