import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serving } from '../../../test/support/api-client.js';
import type { Scene } from '../../../test/support/builders.js';
import { FakeAgentControl, primary } from '../../../test/support/fake-agent-control.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import type { ClusterView } from '../../cluster/view.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { Refusal } from '../reply.js';
import { requestLeader } from './switchover.js';

type Kind = 'switchover' | 'failover';

/** What the real server says to a request in the situation `scene`, and what was written. */
async function said(scene: Scene, kind: Kind, body: object, limitations: Readonly<Record<string, string>> = {}): Promise<string> {
  const control = new FakeAgentControl(scene);
  control.limitations = limitations;
  // An accepted request fails at once: the key is gone with the next look.
  if (control.loads[0] !== undefined) control.loads = [control.loads[0], { ...control.loads[0], failover: undefined }];
  let text = '';
  await serving(control, async (ask) => {
    const answer = await ask('POST', `/${kind}`, body);
    text = `${answer.code} ${answer.body}`;
  });
  return text;
}

/** The answer after `seconds` of a clock that the test moves; undefined: still waiting. */
async function after(seconds: number, kind: Kind, body: object, looks: (second: number) => ClusterView | undefined, scene = primary) {
  const clock = new ManualClock();
  const control = new FakeAgentControl(scene);
  const start = scene.seen;
  let isFirst = true;
  control.loadCluster = async () => {
    const view = isFirst ? start : looks(clock.monotonic() / 1000);
    isFirst = false;
    if (view === undefined) throw new DcsUnavailable('no answer');
    return view;
  };
  let text: string | undefined;
  const done = requestLeader(control, clock, kind, body as never).then(
    (reply) => {
      text = `${reply.code} ${reply.body}`;
    },
    (error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      text = `${error.reply.code} ${error.reply.body}`;
    },
  );
  await clock.advance(seconds * 1000);
  const found = text;
  await clock.advance(600_000);
  await done;
  return found;
}

const sync = (text: string): Scene => primary.config({ synchronous_mode: true }).sync(text);
const quorum = (text: string): Scene => primary.config({ synchronous_mode: 'quorum' }).sync(text);
const nowhere = primary.withoutLeader();
const UNHEALTHY = { b: 'not reachable', c: 'not allowed to promote' };

test('why a switchover or failover is not possible', async () => {
  const none = 'is not possible: no good candidates have been found';
  const cases: readonly (readonly [Scene, Kind, object, string, Readonly<Record<string, string>>?])[] = [
    [sync('a:'), 'switchover', { leader: 'a' }, '412 switchover is not possible: can not find sync_standby'],
    [
      primary.config({ synchronous_mode: true }),
      'switchover',
      { leader: 'a' },
      '412 switchover is not possible: can not find sync_standby',
    ],
    [sync('a:c/1'), 'switchover', { leader: 'a', candidate: 'b' }, '412 candidate name does not match with sync_standby'],
    [sync('a:c/1'), 'switchover', { leader: 'a' }, `412 switchover ${none}`, { c: 'not watchdog capable' }],
    [sync('a:c/1'), 'switchover', { leader: 'a' }, '503 Switchover failed', { b: 'not reachable' }],
    // A failover may go to anybody, and one that names the leader is a switchover.
    [sync('a:c/1'), 'failover', { candidate: 'b' }, '503 Failover failed'],
    [sync('a:c/1'), 'failover', { leader: 'a', candidate: 'b' }, '412 candidate name does not match with sync_standby'],
    // With a quorum everybody counts.
    [quorum('a:c/1'), 'switchover', { leader: 'a' }, '503 Switchover failed', { c: 'not reachable' }],
    [quorum('a:c/1'), 'switchover', { leader: 'a' }, `412 switchover ${none}`, UNHEALTHY],
    [quorum('a:c/1'), 'switchover', { leader: 'a', candidate: 'b' }, '503 Switchover failed'],
    [primary, 'switchover', { leader: 'x' }, '412 leader name does not match'],
    [primary, 'switchover', { leader: 'x', candidate: 'x' }, '400 Switchover target and source are the same'],
    [primary, 'switchover', { leader: 'a', member: 'x' }, '412 candidate does not exists'],
    [primary, 'switchover', { leader: 'a', candidate: 'b' }, `412 switchover ${none}`, UNHEALTHY],
    [primary, 'switchover', { leader: 'a' }, '503 Switchover failed', { b: 'not reachable' }],
    [primary.member('b', { api_url: undefined }), 'failover', { candidate: 'b' }, `412 failover ${none}`],
    [nowhere, 'switchover', { leader: 'a' }, '412 leader name does not match'],
    [nowhere, 'failover', { candidate: 'b' }, '503 Failover failed'],
    [nowhere, 'failover', { candidate: 'b' }, `412 failover ${none}`, UNHEALTHY],
    [nowhere, 'failover', {}, '400 <page>'],
  ];
  for (const [scene, kind, body, expected, limitations] of cases) {
    const answer = (await said(scene, kind, body, limitations)).replace(/<!DOCTYPE[\s\S]*/, '<page>');
    assert.equal(answer, expected, `${kind} ${JSON.stringify(body)}`);
  }
});

test('the checks come in their order, schedule and pause included', async () => {
  const paused = primary.paused();
  const soon = '2999-01-01T00:00Z';
  const cases: readonly (readonly [Scene, Kind, object, string])[] = [
    [paused, 'switchover', { leader: 'a', scheduled_at: soon }, "400 Can't schedule switchover in the paused state"],
    [paused, 'failover', { candidate: 'b', scheduled_at: soon }, "400 Failover can't be scheduled"],
    [paused, 'switchover', { leader: 'a' }, '400 Switchover is possible only to a specific candidate in a paused state'],
    [paused, 'switchover', { leader: 'a', candidate: 'b' }, '503 Switchover failed'],
    [primary, 'switchover', { leader: 'a', candidate: 'a', scheduled_at: soon }, '400 Switchover target and source are the same'],
    [
      primary,
      'switchover',
      { leader: 'a', scheduled_at: '2999-01-01T00:00' },
      '400 Timezone information is mandatory for the scheduled switchover',
    ],
    [primary, 'switchover', { leader: 'a', scheduled_at: '2001-01-01T00:00Z' }, '422 Cannot schedule switchover in the past'],
    // What is possible is found out when the time has come.
    [primary, 'switchover', { leader: 'x', candidate: 'y', scheduled_at: soon }, '202 Switchover scheduled'],
  ];
  for (const [scene, kind, body, expected] of cases) assert.equal(await said(scene, kind, body), expected);
});

test('the result: a new leader, a removed request, or unknown after twice loop_wait and at least 20 seconds', async () => {
  const asked = { leader: 'a', candidate: 'b' };
  const open = primary.request({ leader: 'a' }).seen;
  const gone = primary.withoutLeader().seen;
  assert.equal(await after(1, 'switchover', asked, () => primary.ledBy('b').seen), '200 Successfully switched over to "b"');
  assert.equal(await after(1, 'failover', { candidate: 'b' }, () => primary.ledBy('c').seen), '200 Failed over to "c" instead of "b"');
  assert.equal(await after(1, 'failover', { candidate: 'b' }, () => gone, nowhere), '503 Failover failed');
  assert.equal(await after(1, 'switchover', asked, () => gone), '503 Switchover failed');
  assert.equal(await after(19, 'switchover', asked, () => open), undefined);
  const unknown = 'status unknown after 20 seconds; operation may still be in progress';
  assert.equal(await after(22, 'switchover', asked, () => open), `503 Switchover ${unknown}`);
  // A store that does not answer is no result either.
  assert.equal(await after(22, 'failover', { candidate: 'b' }, () => undefined), `503 Failover ${unknown}`);
  assert.equal(
    await after(22, 'switchover', asked, (second) => (second < 15 ? undefined : primary.ledBy('b').seen)),
    '200 Successfully switched over to "b"',
  );
  const slow = primary.config({ loop_wait: 40, ttl: 120 });
  const request = slow.request({ leader: 'a' }).seen;
  assert.match((await after(82, 'switchover', asked, () => request, slow)) ?? '', /^503 Switchover status unknown after 80 seconds;/);
});
