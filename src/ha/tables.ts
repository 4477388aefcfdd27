import { DCS_UNREACHABLE, SITUATIONS } from './decide.js';
import { divergence } from './rules/divergence.js';
import { followTable } from './rules/follow.js';
import { manualRequestRows } from './rules/manual-request.js';

/** What is told of a row: its place in the order, its id and its reason. */
export interface TableOfRules {
  readonly name: string;
  /** When the table is read. */
  readonly when: string;
  readonly rows: readonly { readonly id: string; readonly why: string }[];
}

const WHEN: Readonly<Record<string, string>> = {
  busy: 'A job runs.',
  bootstrap: 'This member initialises the cluster.',
  race: 'Nobody holds the leader lock.',
  holder: 'This member holds the leader lock.',
};

/** Every decision table in the order in which it is read, then the inner tables that rows of others delegate to. */
export function allTables(): readonly TableOfRules[] {
  return [
    { name: 'dcs-unreachable', when: 'The store gave no answer. Then no other table is read.', rows: DCS_UNREACHABLE },
    {
      name: 'prologue',
      when: 'Before the other tables, once a cycle.',
      rows: [{ id: 'prologue/repair-keys', why: 'The leader writes keys again that somebody deleted or spoilt.' }],
    },
    ...SITUATIONS.map(({ name, table }) => ({ name, when: WHEN[name] ?? 'Always.', rows: table })),
    { name: 'switchover', when: 'Inner table of `holder/manual-request` and `starting/manual-request`.', rows: manualRequestRows },
    {
      name: 'follow',
      when: 'Inner table of the rows of `follower` and of `holder/standby-leader`.',
      rows: followTable({ demote: '', follow: '' }),
    },
    { name: 'divergence', when: 'Inner table of `follow/divergence` and `stopped/divergence`.', rows: divergence },
  ];
}
