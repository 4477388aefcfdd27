import type { Tally } from './tally.js';

/** Where no person looks, a line comes after each such part of a long run. */
const PARTS = 10;
/** A shorter one needs no lines. */
const LONG_RUN = 5000;

/** How far a run of many seeds is: a line that changes at a terminal, a few lines elsewhere. What failed is told at once. */
export class Progress {
  readonly #count: number;
  readonly #seconds: () => number;
  readonly #isTerminal = process.stdout.isTTY === true;
  #done = 0;
  #failed = 0;

  constructor(count: number, seconds: () => number) {
    this.#count = count;
    this.#seconds = seconds;
  }

  show({ seeds, failures }: Tally): void {
    const before = this.#done;
    this.#done += seeds;
    this.#failed += failures.length;
    for (const { seed, violation } of failures) this.#write(`seed ${seed}: ${violation}`, '\n');
    const line = `${this.#done} of ${this.#count} seeds, ${this.#failed} failed, ${(this.#done / this.#seconds()).toFixed(0)} seeds/s`;
    const part = this.#count / PARTS;
    if (this.#isTerminal) this.#write(line, '');
    else if (this.#count >= LONG_RUN && Math.floor(before / part) < Math.floor(this.#done / part)) this.#write(line, '\n');
  }

  end(): void {
    if (this.#isTerminal) this.#write('', '');
  }

  #write(text: string, end: string): void {
    process.stdout.write(`${this.#isTerminal ? '\r\x1b[2K' : ''}${text}${end}`);
  }
}
