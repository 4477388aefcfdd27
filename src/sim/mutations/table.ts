import { runSeed } from '../run.js';
import { MUTATIONS } from './all.js';
import type { Mutation } from './mutation.js';

/** Seeds that are tried until a defect shows. */
export const MOST_SEEDS = 300;

export interface Found {
  /** How many were needed, counted from 1. */
  readonly seeds: number;
  readonly violation: string;
}

export async function seedsNeeded(mutation: Mutation): Promise<Found | undefined> {
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    const { violation } = await runSeed(seed, { mutation });
    if (violation !== undefined) return { seeds: seed, violation };
  }
  return undefined;
}

/** The row of a mutation in docs/simulator.md, without the number of seeds. */
export function rowOf({ name, what }: Mutation): string {
  return `| \`${name}\` | ${what} |`;
}

/** Prints the table. @returns the exit code: 1 when a defect is not found. */
export async function mutationTable(): Promise<number> {
  let isComplete = true;
  process.stdout.write('| Defect | What is broken | Seeds | Found as |\n|---|---|---|---|\n');
  for (const mutation of MUTATIONS) {
    const found = await seedsNeeded(mutation);
    if (found === undefined) isComplete = false;
    const violation = found?.violation.replace(/^at [\d.]+ s: /, '').replaceAll('|', '/') ?? '';
    process.stdout.write(`${rowOf(mutation)} ${found?.seeds ?? 'not found'} | ${violation} |\n`);
  }
  return isComplete ? 0 : 1;
}
