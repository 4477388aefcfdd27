import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthyCluster } from '../../test/support/builders.js';
import { memoryLog } from '../../test/support/postgres-server.js';
import { SteppingClock } from '../../test/support/stepping-clock.js';
import type { Postgres } from '../ports/postgres.js';
import { Agent } from './agent.js';
import type { AgentPorts } from './environment.js';

/** Whatever is done to the server is a failure. */
const untouchable = new Proxy({} as Postgres, {
  get: (_, name) => () => assert.fail(`the server was touched: ${String(name)}`),
});

/** An agent `a` of a cluster whose key of `a` leads to `answers`. */
function starting(answers: string | undefined): { readonly agent: Agent; readonly asked: string[] } {
  const asked: string[] = [];
  const scene = healthyCluster().member('a', answers === undefined ? { api_url: undefined } : { api_url: answers });
  const ports = {
    clock: new SteppingClock(),
    log: memoryLog([]),
    dcs: { load: async () => scene.seen },
    postgres: untouchable,
    peers: {
      isAlive: async (url: string) => {
        asked.push(url);
        return url === 'http://alive:8008/patroni';
      },
    },
    watchdog: {},
    configuration: { name: 'a', initialDynamic: () => ({}) },
  } as unknown as AgentPorts;
  return { agent: new Agent(ports, scene.observation.postgres), asked };
}

test('T171: a second agent of a name whose first one answers does not start, and leaves the server alone', async () => {
  const { agent, asked } = starting('http://alive:8008/patroni');
  assert.equal(await agent.prepare(), "Can't start; there is already a node named 'a' running");
  assert.deepEqual(asked, ['http://alive:8008/patroni']);
});

test('T171: beside it: a key that an agent left behind, or none at all, is in nobody’s way', async () => {
  assert.equal(await starting('http://gone:8008/patroni').agent.prepare(), undefined);
  const none = starting(undefined);
  assert.equal(await none.agent.prepare(), undefined);
  assert.deepEqual(none.asked, []);
});
