/** Why no seed reaches a rule, and the test that reaches it instead (a file below the root). */
export interface Excuse {
  readonly why: string;
  readonly test: string;
}

export const OUT_OF_REACH: Readonly<Record<string, Excuse>> = {
  'useless/renew-lock': { why: 'the model of PostgreSQL is probed by nobody', test: 'test/integration/useless-leader.scenario.ts' },
  'useless/manual-request': { why: 'as above', test: 'test/decisions/useless.ts' },
  'useless/hand-over': { why: 'as above', test: 'test/integration/useless-leader.scenario.ts' },
  'useless/nobody-to-hand-over': { why: 'as above', test: 'test/integration/full-disk.scenario.ts' },
};
