import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portOf, raw, serving } from '../../test/support/api-client.js';
import { lsn } from '../../test/support/builders.js';
import { FakeAgentControl, primary, standby } from '../../test/support/fake-agent-control.js';
import type { ClusterView } from '../cluster/view.js';

type Case = readonly [method: string, path: string, body: unknown, code: number, text?: string];

async function check(control: FakeAgentControl, ...cases: readonly Case[]): Promise<void> {
  await serving(control, async (ask) => {
    for (const [method, path, body, code, text] of cases) {
      const answer = await ask(method, path, body);
      assert.equal(answer.code, code, `${method} ${path} ${JSON.stringify(body)}: ${answer.body}`);
      if (text !== undefined) assert.equal(answer.body, text);
    }
  });
}

test('status-only answers have no body and no date; HTTP/1.0 is closed', async () => {
  await serving(new FakeAgentControl(), async (ask, api) => {
    const answer = await raw(portOf(api), 'OPTIONS / HTTP/1.0\r\n\r\n');
    assert.equal(answer, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    assert.match(await raw(portOf(api), 'GET /primary HTTP/1.1\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 200 OK/);
    const alive = await ask('GET', '/liveness');
    assert.deepEqual([alive.code, alive.body, alive.headers['date']], [200, '', undefined]);
    for (const path of ['/liveness', '/readiness', '/patroni', '/metrics', '/failsafe']) assert.equal((await ask('HEAD', path)).code, 503);
    const unknown = await raw(portOf(api), 'FROB /switchover HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(unknown, /^HTTP\/1.1 501 [\s\S]*Server does not support this operation/);
    assert.match(await raw(portOf(api), 'nonsense\r\n\r\n'), /^HTTP\/1.1 (400|501) /);
  });
});

test('bodies', async () => {
  const control = new FakeAgentControl();
  await check(
    control,
    ['POST', '/failover', '', 400],
    ['POST', '/failover', '{}', 400],
    ['POST', '/failover', '[1]', 400],
    ['POST', '/failover', 'x', 400],
    ['POST', '/reinitialize', '{', 400],
    ['POST', '/restart', '3', 400],
    ['PATCH', '/config', JSON.stringify({ a: 'x'.repeat(3_000_000) }), 413],
    ['DELETE', '/failover', undefined, 501],
    ['POST', '/nothing', {}, 501],
    ['POST', '/restart', '', 200, 'restarted successfully'],
    ['POST', '/reload', undefined, 202, 'reload scheduled'],
    ['POST', '/sigterm', undefined, 202, 'shutdown scheduled'],
    ['POST', '/mpp', { type: 'after_promote' }, 200, 'OK'],
  );
  assert.deepEqual(control.done, ['restart {}', 'reload']);
  await serving(new FakeAgentControl(), async (_, api) =>
    assert.match(await raw(portOf(api), 'POST /failover HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 411 /),
  );
});

test('documents', async () => {
  await serving(new FakeAgentControl(standby, { tags: { zone: 'b' } }), async (ask) => {
    const { body, headers } = await ask('GET', '/patroni');
    assert.equal(headers['content-type'], 'application/json');
    assert.match(body, /^\{"state": "running", "postmaster_start_time": "2031-05-01 10:00:00.123456\+00:00", "role": "replica", /);
    assert.match(body, /"received_location": 1000, "replayed_location": 1000, "replayed_timestamp": null, "paused": false\}/);
    assert.match((await ask('GET', '/metrics')).body, /patroni_version\{scope="demo",name="a"\} 040104\n/);
    assert.equal((await ask('GET', '/failsafe')).body, '{}');
    assert.equal((await ask('GET', '/config/x')).body, '{"ttl": 30}');
    assert.equal((await ask('GET', '/history')).body, '[]');
  });
  await check(new FakeAgentControl(primary, { failsafe: undefined }), ['GET', '/failsafe', undefined, 502]);
  const positions = standby.lastLsn(83_886_432).member('a', { xlog_location: 83_886_080, replication_state: 'streaming' });
  await serving(new FakeAgentControl(positions), async (ask) =>
    assert.match(
      (await ask('GET', '/cluster')).body,
      /"state": "streaming".*?"receive_lag": "unknown", "receive_lsn": "unknown".*?"lag": 352, "lsn": "0\/5000000"/,
    ),
  );
});

test('readiness and liveness', async () => {
  const code = async (control: FakeAgentControl, path: string): Promise<number> => {
    let found = 0;
    await serving(control, async (ask) => {
      found = (await ask('GET', path)).code;
    });
    return found;
  };
  const behind = standby.lastLsn(5_000_000).telling({ replayLsn: lsn(1000), receiveLsn: lsn(5_000_000) });
  const cut = standby.dcsUnavailable();
  assert.deepEqual(
    await Promise.all([
      code(new FakeAgentControl(primary), '/readiness'),
      code(new FakeAgentControl(standby), '/readiness'),
      code(new FakeAgentControl(standby.telling({ replicationState: 'in archive recovery' })), '/readiness'),
      code(new FakeAgentControl(behind), '/readiness'),
      code(new FakeAgentControl(behind), '/readiness?mode=write'),
      code(new FakeAgentControl(behind), '/readiness?lag=5MB'),
      code(new FakeAgentControl(cut), '/readiness'),
      code(new FakeAgentControl(cut, { isFailsafeActive: true }), '/readiness'),
      code(new FakeAgentControl(cut.telling({ latestEndLsn: lsn(1000) })), '/readiness'),
      code(new FakeAgentControl(standby.starting()), '/readiness'),
    ]),
    [200, 200, 503, 503, 200, 200, 503, 200, 200, 503],
  );
  assert.deepEqual(
    await Promise.all([
      code(new FakeAgentControl(primary, { nextCycleInMs: -29_000 }), '/liveness'),
      code(new FakeAgentControl(primary, { nextCycleInMs: -31_000 }), '/liveness'),
      code(new FakeAgentControl(standby, { nextCycleInMs: -59_000 }), '/liveness'),
      code(new FakeAgentControl(standby, { nextCycleInMs: -61_000 }), '/liveness'),
      code(new FakeAgentControl(primary.paused(), { nextCycleInMs: -99_000 }), '/liveness'),
    ]),
    [200, 503, 200, 503, 200],
  );
});

test('without store: what needs it is 503, the rest works', async () => {
  await check(
    new FakeAgentControl(primary.dcsUnavailable()),
    ['GET', '/cluster', undefined, 503],
    ['GET', '/history', undefined, 503],
    ['GET', '/config', undefined, 503],
    ['PATCH', '/config', { a: 1 }, 503],
    ['PUT', '/config', { a: 1 }, 503],
    ['POST', '/restart', undefined, 503],
    ['POST', '/switchover', { leader: 'a' }, 503],
    ['DELETE', '/switchover', undefined, 503],
    ['GET', '/patroni', undefined, 200],
    ['GET', '/metrics', undefined, 200],
    ['POST', '/reload', undefined, 202],
    ['DELETE', '/restart', undefined, 404, 'no restarts are scheduled'],
  );
});

test('configuration', async () => {
  const control = new FakeAgentControl().configure({ ttl: 30, loop_wait: 10, slots: { a: { type: 'x' } } });
  await check(
    control,
    ['PATCH', '/config', { ttl: null, loop_wait: '10' }, 200, '{"loop_wait": 10, "slots": {"a": {"type": "x"}}}'],
    ['PATCH', '/config', { loop_wait: 10, none: null }, 200],
    ['PATCH', '/config', { slots: { a: null, b: { c: null } } }, 200],
    ['PUT', '/config', { ttl: '30', loop_wait: 10, slots: { a: { type: 'x' } } }, 200],
    ['PUT', '/config', { ttl: 20 }, 200, '{"ttl": 20}'],
  );
  assert.deepEqual(control.done, [
    'config {"loop_wait":10,"slots":{"a":{"type":"x"}}} c-1',
    'wake',
    'wake',
    'config {"ttl":30,"loop_wait":10,"slots":{"b":{"c":null}}} c-1',
    'wake',
    'config {"ttl":20} -',
  ]);
  control.writes = false;
  await check(control, ['PATCH', '/config', { pause: true }, 409], ['PUT', '/config', { pause: true }, 502]);
  const texts = new FakeAgentControl().configure({ pause: 'true' });
  await check(texts, ['PATCH', '/config', { pause: true }, 200, '{"pause": true}']);
  assert.equal(texts.done.length, 2);
});

test('restart, reinitialize, failsafe', async () => {
  const control = new FakeAgentControl();
  const at = { schedule: '2999-01-01T00:00:00+00' };
  await check(
    control,
    ['POST', '/restart', { timeout: '0s' }, 400, 'Timeout should be a positive number of seconds'],
    ['POST', '/restart', { role: 'x' }, 400, 'PostgreSQL role should be either primary, standby_leader, or replica'],
    ['POST', '/restart', { postgres_version: 'x' }, 400, 'Invalid PostgreSQL version: x'],
    ['POST', '/restart', { postgres_version: '9.6' }, 400, 'Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9.6'],
    ['POST', '/restart', { foo: 1 }, 400, 'Unknown filter for the scheduled restart: foo'],
    ['POST', '/restart', { schedule: '2031-01-01T00:00:00' }, 400, 'Timezone information is mandatory for the scheduled restart'],
    ['POST', '/restart', { schedule: '2001-01-01T00:00:00Z' }, 422, 'Cannot schedule restart in the past'],
    ['POST', '/restart', { schedule: 'soon' }, 422],
    ...([null, '', 0, false, []] as const).map((schedule): Case => ['POST', '/restart', { schedule }, 422]),
    ['POST', '/restart', { ...at, role: 'primary' }, 202, 'Restart scheduled'],
    ['POST', '/restart', at, 409, 'Another restart is already scheduled'],
    ['DELETE', '/restart', undefined, 200, 'scheduled restart deleted'],
    ['POST', '/reinitialize', { force: 'on', from_leader: true }, 200, 'reinitialize started'],
    ['POST', '/failsafe', { name: 'b', conn_url: 'c', api_url: 'u' }, 502],
    ['POST', '/failsafe', '{', 502],
    ['POST', '/failsafe', '', 502],
  );
  assert.deepEqual(control.done, ['reinitialize true true']);
  control.refusal = 'I am the leader, can not reinitialize';
  await check(control, ['POST', '/reinitialize', undefined, 503, 'I am the leader, can not reinitialize']);
  await check(new FakeAgentControl(primary.paused()), ['POST', '/restart', at, 500, "Can't schedule restart in the paused state"]);
});

test('T150: the question of a primary without store: a running primary refuses, a standby accepts and tells its position', async () => {
  const ping = { name: 'b', conn_url: 'c', api_url: 'u', slots: { b: 5 } };
  await check(new FakeAgentControl().configure({ failsafe_mode: true }), ['POST', '/failsafe', ping, 500, 'Running as a leader']);
  await check(
    new FakeAgentControl(standby).configure({ failsafe_mode: true }),
    ['POST', '/failsafe', { ...ping, ttl: 'x' }, 400],
    ['POST', '/failsafe', '{', 400],
    ['POST', '/failsafe', { ...ping, ttl: 1e9 }, 400],
    ['POST', '/failsafe', { ...ping, ttl: 20 }, 200, 'Accepted'],
    ['POST', '/failsafe', { ...ping, name: 'other' }, 503, 'b was accepted a moment ago'],
  );
  await serving(new FakeAgentControl(standby).configure({ failsafe_mode: true }), async (ask) => {
    const { body, headers } = await ask('POST', '/failsafe', ping);
    assert.deepEqual([body, headers['lsn']], ['Accepted', '1000']);
  });
});

test('switchover and failover: refusals', async () => {
  const control = new FakeAgentControl();
  control.limitations = { b: 'not reachable', c: 'not allowed to promote' };
  await check(
    control,
    ['POST', '/failover', { foo: 'bar' }, 400, 'Failover could be performed only to a specific candidate'],
    ['POST', '/switchover', { candidate: 'b' }, 400, 'Switchover could be performed only from a specific leader'],
    ['POST', '/failover', { candidate: 'b', scheduled_at: '2999-01-01T00:00Z' }, 400, "Failover can't be scheduled"],
    ['POST', '/switchover', { leader: 'a', scheduled_at: '2999-01-01' }, 400],
    ['POST', '/switchover', { leader: 'a', candidate: 'a' }, 400, 'Switchover target and source are the same'],
    ['POST', '/switchover', { leader: 'b' }, 412, 'leader name does not match'],
    ['POST', '/failover', { candidate: 'x' }, 412, 'candidate does not exists'],
    ['POST', '/failover', { candidate: 'b' }, 412, 'failover is not possible: no good candidates have been found'],
    ['POST', '/switchover', { leader: 'a' }, 412, 'switchover is not possible: no good candidates have been found'],
    ['POST', '/switchover', { leader: 'a', scheduled_at: '2999-01-01T00:00Z' }, 202, 'Switchover scheduled'],
    ['DELETE', '/switchover', undefined, 404, 'no switchover is scheduled'],
  );
  assert.deepEqual(control.done, ['failover {"leader":"a","scheduled_at":"2999-01-01T00:00:00+00:00"} -', 'wake']);
  const alone = new FakeAgentControl(primary.member('b', undefined).member('c', undefined));
  await check(alone, [
    'POST',
    '/switchover',
    { leader: 'a' },
    412,
    'switchover is not possible: cluster does not have members except leader',
  ]);
  const sync = new FakeAgentControl(primary.config({ synchronous_mode: true }).sync('a:b/1'));
  await check(sync, ['POST', '/switchover', { leader: 'a', candidate: 'c' }, 412, 'candidate name does not match with sync_standby']);
  await check(new FakeAgentControl(primary.paused()), [
    'POST',
    '/switchover',
    { leader: 'a' },
    400,
    'Switchover is possible only to a specific candidate in a paused state',
  ]);
  const refusing = new FakeAgentControl();
  refusing.writes = false;
  await check(refusing, ['POST', '/failover', { candidate: 'b' }, 503, 'failed to write failover key into DCS']);
  const scheduled = new FakeAgentControl(primary.scheduledIn(100));
  await check(scheduled, ['DELETE', '/switchover', undefined, 200, 'scheduled switchover deleted']);
  scheduled.writes = false;
  await check(scheduled, ['DELETE', '/switchover', undefined, 409]);
});

test('switchover and failover: results', async () => {
  const result = async (path: string, body: object, ...after: readonly ClusterView[]): Promise<string> => {
    const control = new FakeAgentControl();
    control.loads = [primary.seen, primary.request({ leader: 'a' }).seen, ...after];
    let text = '';
    await serving(control, async (ask) => {
      const answer = await ask('POST', path, body);
      text = `${answer.code} ${answer.body}`;
    });
    return text;
  };
  assert.deepEqual(
    await Promise.all([
      result('/switchover', { leader: 'a' }, primary.ledBy('b').seen),
      result('/failover', { candidate: 'b' }, primary.ledBy('b').seen),
      result('/switchover', { leader: 'a', candidate: 'b' }, primary.ledBy('c').seen),
      result('/failover', { member: 'b' }, primary.seen),
    ]),
    [
      '200 Successfully switched over to "b"',
      '200 Successfully failed over to "b"',
      '200 Switched over to "c" instead of "b"',
      '503 Failover failed',
    ],
  );
});
