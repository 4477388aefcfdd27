import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memoryLog, postgresSettings } from '../../../test/support/postgres-server.js';
import { scratch } from '../../../test/support/scratch.js';
import { formatLsn, type Lsn } from '../../base/lsn.js';
import { nodeClock } from '../../platform/node-clock.js';
import { FileGuard } from '../process/file-guard.js';
import { ControlDataReader } from './control-data.js';
import { readHistoryFile } from './history-file.js';

const folder = scratch();
after(() => rmSync(folder, { recursive: true, force: true }));

const CHECKPOINT = '0/30000A8';
const record = (lsn: string, prev: string, desc: string): string =>
  `rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: ${lsn}, prev ${prev}, desc: ${desc}`;
const SHUTDOWN = record('0/030000A8', '0/03000060', 'CHECKPOINT_SHUTDOWN redo 0/30000A8; tli 1; oldest running xid 0; shutdown');

/** A reader whose tools print these things. `records`: what pg_waldump prints by the position that it is asked for. */
function reader(clusterState: string, records: Readonly<Record<string, string>> | 'no tool'): ControlDataReader {
  const binDir = join(folder, String(Math.trunc(nodeClock.monotonic() * 1000)));
  mkdirSync(binDir);
  const tool = (name: string, script: string): void => writeFileSync(join(binDir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  tool(
    'pg_controldata',
    `cat <<'END'
Database system identifier:           1
Database cluster state:               ${clusterState}
Latest checkpoint location:           ${CHECKPOINT}
Latest checkpoint's TimeLineID:       1
END`,
  );
  if (records !== 'no tool') {
    const cases = Object.entries(records).map(([lsn, text]) => `${lsn}) echo '${text}';;`);
    tool('pg_waldump', `case $4 in\n${cases.join('\n')}\n*) echo 'no such record' >&2; exit 1;;\nesac`);
  }
  const settings = postgresSettings(folder, 1, { binDir });
  const files = new FileGuard(nodeClock, 10_000);
  return new ControlDataReader({ settings: () => settings, majorVersion: () => 150_000, files, log: memoryLog([]) });
}

const CASES: readonly (readonly [
  name: string,
  clusterState: string,
  records: Readonly<Record<string, string>> | 'no tool',
  expected: string,
])[] = [
  [
    '49: a switch of the segment before it',
    'shut down',
    { [CHECKPOINT]: SHUTDOWN, '0/3000060': record('0/03000060', '0/03000028', 'SWITCH ') },
    '0/3000060',
  ],
  [
    '49: something else before it',
    'shut down',
    { [CHECKPOINT]: SHUTDOWN, '0/3000060': record('0/03000060', '0/03000028', 'NEXTOID 24576') },
    CHECKPOINT,
  ],
  [
    '49: the switch stands elsewhere',
    'shut down',
    { [CHECKPOINT]: SHUTDOWN, '0/3000060': record('0/03000070', '0/03000028', 'SWITCH ') },
    CHECKPOINT,
  ],
  [
    '49: the checkpoint is none of a shutdown',
    'shut down',
    {
      [CHECKPOINT]: record('0/030000A8', '0/03000060', 'CHECKPOINT_ONLINE redo 0/3000028; online'),
      '0/3000060': record('0/03000060', '0/03000028', 'SWITCH '),
    },
    CHECKPOINT,
  ],
  ['49: pg_waldump complains', 'shut down', {}, CHECKPOINT],
  ['49: no pg_waldump', 'shut down', 'no tool', CHECKPOINT],
  ['50: in production', 'in production', { [CHECKPOINT]: SHUTDOWN }, 'nothing'],
  ['50: shut down in recovery', 'shut down in recovery', { [CHECKPOINT]: SHUTDOWN }, 'nothing'],
];

const shown = (lsn: Lsn | undefined): string => (lsn === undefined ? 'nothing' : formatLsn(lsn));

for (const [name, clusterState, records, expected] of CASES) {
  test(`case ${name}`, async () => {
    const positions = await reader(clusterState, records).shutdownPositions();
    assert.equal(shown(positions?.previous), expected);
    assert.equal(shown(positions?.checkpoint), expected === 'nothing' ? 'nothing' : CHECKPOINT);
  });
}

test('case 51: the line of the own promotion has its time and who was promoted', async () => {
  writeFileSync(
    join(folder, '00000003.history'),
    '1\t0/3000000\tno recovery target specified\n\n2\t0/5000060\tno recovery target specified\n',
  );
  const lines = await readHistoryFile(folder, 3, 'n1');
  assert.deepEqual(
    lines.map(({ timeline, time, member }) => [timeline, time !== undefined, member]),
    [
      [1, false, undefined],
      [2, true, 'n1'],
    ],
  );
  assert.deepEqual(await readHistoryFile(folder, 4, 'n1'), []);
});
