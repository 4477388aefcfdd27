import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';

// As in the quick start: a directory below the one that the agent was started in.
const OPTIONS = { members: 1, postgresql: { data_dir: 'data/postgresql0' } };

scenario('one member: nobody can take over, so its end waits for nobody', OPTIONS, async ({ cluster }) => {
  const [member] = cluster.members;
  assert.ok(member);
  const startedAt = performance.now();
  await member.stopAgent();
  const took = performance.now() - startedAt;
  assert.equal(member.postmasterPid(), undefined);
  // Far below the 5 s for which a leader waits for a successor that has everything.
  assert.ok(took < 4_000, `${took} ms from SIGTERM to the end`);
  member.startAgent();
  await cluster.untilHealthy();
});
