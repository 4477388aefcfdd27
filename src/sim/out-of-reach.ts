/** Why no seed reaches a rule, and the test that reaches it instead (a file below the root). */
export interface Excuse {
  readonly why: string;
  readonly test: string;
}

export const OUT_OF_REACH: Readonly<Record<string, Excuse>> = {};
