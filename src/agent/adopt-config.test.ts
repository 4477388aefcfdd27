import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthyCluster } from '../../test/support/builders.js';
import { type LogLine, recordingLog } from '../../test/support/recording-log.js';
import { SteppingClock } from '../../test/support/stepping-clock.js';
import { parseClusterView } from '../cluster/view.js';
import type { Postgres } from '../ports/postgres.js';
import { Agent } from './agent.js';
import type { AgentPorts } from './environment.js';

/** What an agent tells of the values that it finds in the key `config`, one after another, each read twice. */
async function told(...values: readonly string[]): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  let value = '';
  const ports = {
    clock: new SteppingClock(),
    log: recordingLog(lines),
    dcs: { load: async () => parseClusterView([{ key: 'config', value, version: `v-${value}` }]) },
    postgres: {} as Postgres,
    watchdog: {},
    configuration: { name: 'a', initialDynamic: () => ({}) },
  } as unknown as AgentPorts;
  const agent = new Agent(ports, healthyCluster().observation.postgres);
  for (value of values) {
    await agent.prepare();
    await agent.prepare();
  }
  return lines;
}

const refused = (found: string): LogLine => ({
  level: 'error',
  text: `dynamic configuration refused, the one before stays in force: the key config holds ${found}, not the JSON object of settings`,
});

test('a key config without an object is told once for each value', async () => {
  assert.deepEqual(
    await told('{ttl: 20', '[1]', '7', 'null', '', '{}'),
    ['no JSON', 'a list', 'a number', 'null', 'nothing', 'an empty object'].map(refused),
  );
});

test('a value that is none of its kind is told once, with what is in force instead', async () => {
  const config = { pause: 'maybe', maximum_lag_on_failover: '1MB', slots: [], failsafe_mode: null, postgresql: { use_slots: 'x' } };
  assert.deepEqual(
    (await told(JSON.stringify(config))).map(({ level, text }) => `${level} ${text}`),
    [
      "warning dynamic configuration: pause: 'maybe' is not true or false; false is in force",
      "warning dynamic configuration: maximum_lag_on_failover: '1MB' is not a whole number; 1048576 is in force",
      'warning dynamic configuration: slots: [] is not a map; an empty one is in force',
      "warning dynamic configuration: postgresql.use_slots: 'x' is not true or false; false is in force",
    ],
  );
  assert.deepEqual(await told('{"ttl": 30, "synchronous_mode": "quorum", "pause": "on", "member_slots_ttl": "1h"}'), []);
});
