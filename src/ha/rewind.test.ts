import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthyStandby, lsn } from '../../test/support/builders.js';
import { parseLsn } from '../base/lsn.js';
import type { LocalPosition } from '../ports/postgres.js';
import { checkDivergence } from './rewind.js';

const at = (text: string) => parseLsn(text) ?? lsn(0);

interface Given {
  readonly local: readonly [timeline: number, position: string];
  readonly leader: number;
  /** Each timeline that the leader's history left, and where. */
  readonly history: readonly (readonly [timeline: number, position: string])[];
  /** The local server was shut down as a primary; where the record of its checkpoint ends. */
  readonly clean?: string;
}

function isNeeded({ local, leader, history, clean }: Given): boolean | string {
  const localPosition: LocalPosition = { timeline: local[0], lsn: at(local[1]), isInRecovery: clean === undefined };
  const scene = healthyStandby({ members: 2 });
  const { observation } = scene;
  if (observation.cluster.kind !== 'known') throw new Error('no view');
  const found = checkDivergence({
    ...observation,
    cluster: observation.cluster,
    facts: {
      localPosition,
      leaderTimelines: {
        kind: 'known',
        timeline: leader,
        lsn: at('0/9000000'),
        history: history.map(([timeline, position]) => ({ timeline, lsn: at(position), reason: '' })),
      },
      ...(clean === undefined ? {} : { checkpointRecordEnd: clean === 'unknown' ? clean : at(clean) }),
    },
  });
  return found.kind === 'decided' ? found.isNeeded : found.kind;
}

const LEFT_1: Given['history'] = [[1, '0/5000000']];

/** postgres.md §31. */
const CASES: readonly (readonly [name: string, given: Given, expected: boolean])[] = [
  ['107: a standby at the switch', { local: [1, '0/5000000'], leader: 2, history: LEFT_1 }, false],
  ['107: a standby one byte beyond it', { local: [1, '0/5000001'], leader: 2, history: LEFT_1 }, true],
  [
    '108: a primary whose last checkpoint ends at the switch',
    { local: [1, '0/4FFFF88'], leader: 2, history: LEFT_1, clean: '0/5000000' },
    false,
  ],
  ['108: one that ends elsewhere', { local: [1, '0/4FFFF88'], leader: 2, history: LEFT_1, clean: '0/4FFFFF8' }, true],
  ['108: pg_waldump can not be understood', { local: [1, '0/4FFFF88'], leader: 2, history: LEFT_1, clean: 'unknown' }, true],
  ['108: a checkpoint that begins at the switch', { local: [1, '0/5000000'], leader: 2, history: LEFT_1, clean: '0/5000078' }, true],
  ['109: a newer timeline than the leader has', { local: [3, '0/1'], leader: 2, history: LEFT_1 }, true],
  ['109: the same one', { local: [2, '0/6000000'], leader: 2, history: LEFT_1 }, false],
  ['110: a timeline that the leader never was on', { local: [2, '0/6000000'], leader: 4, history: [...LEFT_1, [3, '0/7000000']] }, true],
  ['22.4: an older one of the history', { local: [1, '0/5000001'], leader: 4, history: [...LEFT_1, [3, '0/7000000']] }, true],
  ['22.4: the leader is on timeline 1', { local: [1, '0/6000000'], leader: 1, history: [] }, false],
];

for (const [name, given, expected] of CASES) test(`case ${name}`, () => assert.equal(isNeeded(given), expected));
