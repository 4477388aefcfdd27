import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portOf, raw, serving } from '../../test/support/api-client.js';
import type { Scene } from '../../test/support/builders.js';
import { FakeAgentControl, primary, standby } from '../../test/support/fake-agent-control.js';

/** rest-api.md §11, in this order. */
const METRICS = `patroni_version patroni_postgres_running patroni_postmaster_start_time patroni_primary patroni_xlog_location
patroni_standby_leader patroni_replica patroni_sync_standby patroni_quorum_standby patroni_xlog_received_location
patroni_xlog_replayed_location patroni_xlog_replayed_timestamp patroni_xlog_paused patroni_postgres_streaming
patroni_postgres_in_archive_recovery patroni_postgres_server_version patroni_cluster_unlocked patroni_failsafe_mode_is_active
patroni_failsafe_mode_enabled patroni_failsafe_member patroni_postgres_timeline patroni_dcs_last_seen patroni_pending_restart
patroni_is_paused patroni_postgres_state patroni_failover_priority`.split(/\s+/);
const COUNTERS = ['patroni_xlog_location', 'patroni_xlog_received_location', 'patroni_xlog_replayed_location'];

async function metricsOf(control: FakeAgentControl): Promise<string> {
  let text = '';
  await serving(control, async (ask) => {
    const { code, body, headers } = await ask('GET', '/metrics');
    assert.deepEqual([code, headers['content-type']], [200, 'text/plain']);
    text = body;
  });
  return text;
}

test('/metrics: all names in order, each with its type, labels and a number', async () => {
  for (const scene of [primary, standby]) {
    const text = await metricsOf(new FakeAgentControl(scene));
    const samples = [
      ...text.matchAll(/^# HELP (\S+) .+\n(?:# Values: .+\n)?# TYPE (\S+) (\w+)\n(\S+)\{scope="demo",name="a"\} -?[0-9.]+\n/gm),
    ];
    assert.deepEqual(
      samples.map(([, name]) => name),
      METRICS,
    );
    for (const [, help, type, kind, sample] of samples) {
      assert.deepEqual([type, sample], [help, help]);
      assert.equal(kind, COUNTERS.includes(help ?? '') ? 'counter' : 'gauge', help);
    }
    assert.equal(samples.map(([all]) => all).join(''), text);
  }
  const down = await metricsOf(new FakeAgentControl(standby.stopped()));
  assert.match(down, /^patroni_postgres_running\{.*\} 0$/m);
  assert.match(down, /^patroni_postgres_state\{.*\} 12$/m);
  assert.match(down, /^patroni_xlog_replayed_location\{.*\} 0$/m);
  assert.match(await metricsOf(new FakeAgentControl(standby.mute())), /^patroni_postgres_state\{.*\} -1$/m);
});

test('/cluster: fields, their order, and a scheduled switchover', async () => {
  await serving(new FakeAgentControl(primary.scheduledIn(100)).configure({ pause: true }), async (ask) => {
    const document = JSON.parse((await ask('GET', '/cluster')).body) as { members: Record<string, unknown>[] } & Record<string, unknown>;
    assert.deepEqual(Object.keys(document), ['members', 'pause', 'scheduled_switchover', 'scope']);
    assert.deepEqual(
      document.members.map(({ name, role }) => `${name} ${role}`),
      ['a leader', 'b replica', 'c replica'],
    );
    assert.deepEqual(Object.keys(document['scheduled_switchover'] as object), ['at', 'from', 'to']);
    const [leader, replica] = document.members;
    assert.deepEqual(Object.keys(leader ?? {}).slice(0, 6), ['name', 'role', 'state', 'api_url', 'host', 'port']);
    assert.deepEqual(Object.keys(replica ?? {}).slice(-6), ['receive_lag', 'receive_lsn', 'replay_lag', 'replay_lsn', 'lag', 'lsn']);
    assert.equal('lag' in (leader ?? {}), false);
  });
  const roles = async (control: FakeAgentControl): Promise<unknown[]> => {
    let found: unknown[] = [];
    await serving(control, async (ask) => {
      found = (JSON.parse((await ask('GET', '/cluster')).body) as { members: { role: string }[] }).members.map(({ role }) => role);
    });
    return found;
  };
  const listed = primary.sync('a:b/1');
  assert.deepEqual(await roles(new FakeAgentControl(listed).configure({ synchronous_mode: true })), ['leader', 'sync_standby', 'replica']);
  assert.deepEqual(await roles(new FakeAgentControl(listed).configure({ synchronous_mode: 'quorum' })), [
    'leader',
    'quorum_standby',
    'replica',
  ]);
  assert.deepEqual(await roles(new FakeAgentControl(listed)), ['leader', 'replica', 'replica']);
  assert.deepEqual((await roles(new FakeAgentControl(primary).configure({ standby_cluster: { host: 'far' } })))[0], 'standby_leader');
});

test('/patroni: in quorum mode a standby says whether it may still acknowledge commits', async () => {
  const receives = async (scene: Scene, data: Readonly<Record<string, unknown>>): Promise<unknown> => {
    let found: unknown;
    await serving(new FakeAgentControl(scene.config(data)), async (ask) => {
      found = (JSON.parse((await ask('GET', '/patroni')).body) as { receives_wal?: unknown }).receives_wal;
    });
    return found;
  };
  const quorum = { synchronous_mode: 'quorum' };
  const voter = standby.sync('b:a/1');
  assert.equal(await receives(voter, quorum), true);
  assert.equal(await receives(voter.server({ isCutOff: true }), quorum), undefined);
  assert.equal(await receives(voter.server({ majorVersion: 120_000 }), quorum), undefined, 'it can not be cut off without a restart');
  assert.equal(await receives(voter, {}), true, 'the key is one of quorum mode still');
  assert.equal(await receives(standby.sync('b:a'), { synchronous_mode: true }), undefined);
  assert.equal(await receives(primary, quorum), undefined);
});

test('/history: lines as they are stored', async () => {
  const control = new FakeAgentControl(primary.history([1, 83_886_080], [2, 83_886_432]));
  await serving(control, async (ask) => {
    const { body, headers } = await ask('GET', '/history');
    assert.equal(headers['content-type'], 'application/json');
    const line = (timeline: number, position: number): string =>
      `[${timeline}, ${position}, "no recovery target specified", "2031-01-01T00:00:00", "a"]`;
    assert.equal(body, `[${line(1, 83_886_080)}, ${line(2, 83_886_432)}]`);
  });
});

test('/config: __proto__ and constructor are keys as any other', async () => {
  const control = new FakeAgentControl().configure({ ttl: 30 });
  await serving(control, async (ask) => {
    const { code, body } = await ask('PATCH', '/config', '{"__proto__": {"polluted": 1}, "constructor": {"a": 1}, "toString": null}');
    assert.deepEqual([code, body], [200, '{"ttl": 30, "__proto__": {"polluted": 1}, "constructor": {"a": 1}}']);
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  });
});

test('/config: bodies that are no object are refused, and nothing is written', async () => {
  const control = new FakeAgentControl().configure({ ttl: 30 });
  await serving(control, async (ask) => {
    for (const method of ['PATCH', 'PUT']) {
      for (const body of ['', '{}', '[]', 'null', '3', '"x"', '{"ttl": 3', "{'ttl': 3}", 'ttl: 3']) {
        const answer = await ask(method, '/config', body);
        assert.equal(answer.code, 400, `${method} ${body}`);
        assert.match(answer.body, /^<!DOCTYPE html>[\s\S]*Error code: 400/);
      }
    }
    assert.equal((await ask('POST', '/config', { ttl: 20 })).code, 501);
    assert.equal((await ask('DELETE', '/config')).code, 501);
  });
  control.loads = control.loads.map((view) => ({ ...view, config: undefined }));
  await serving(control, async (ask) => assert.equal((await ask('PATCH', '/config', { ttl: 20 })).code, 503));
  assert.deepEqual(control.done, []);
});

test('restart: all conditions reach the agent, and its answer the client', async () => {
  const control = new FakeAgentControl();
  control.restarted = { isDone: false, message: 'restart conditions are not satisfied' };
  await serving(control, async (ask, api) => {
    const body = { role: 'replica', postgres_version: '15.4', timeout: '1min', restart_pending: false };
    const answer = await ask('POST', '/restart', body);
    assert.deepEqual([answer.code, answer.body], [503, 'restart conditions are not satisfied']);
    for (const bad of [{ timeout: -1 }, { timeout: 'soon' }, { timeout: null }])
      assert.equal((await ask('POST', '/restart', bad)).body, 'Timeout should be a positive number of seconds');
    for (const version of ['10', '9.6', '15.4.1.2']) {
      const { body: text } = await ask('POST', '/restart', { postgres_version: version });
      assert.equal(text, `Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: ${version}`);
    }
    // The first wrong field of the body is the one that is named.
    assert.match((await ask('POST', '/restart', '{"foo": 1, "role": "x"}')).body, /^Unknown filter/);
    assert.match((await ask('POST', '/restart', '{"role": "x", "foo": 1}')).body, /^PostgreSQL role/);
    // A chunked body counts; taken for none it would be an unconditional restart.
    const head = 'POST /restart HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    assert.match(await raw(portOf(api), `${head}f\r\n{"role":"other"}\r\n0\r\n\r\n`), /^HTTP\/1.1 400 /);
  });
  assert.deepEqual(control.done, ['restart {"role":"replica","postgres_version":"15.4","timeout":60,"restart_pending":false}']);
});

test('requests that are no HTTP/1 get an answer', async () => {
  await serving(new FakeAgentControl(), async (_, api) => {
    const port = portOf(api);
    assert.match(
      await raw(port, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'),
      /^HTTP\/1.1 501 [\s\S]*Server does not support this operation/,
    );
    assert.match(await raw(port, 'GET / HTTP/4.0\r\n\r\n'), /^HTTP\/1.1 505 /);
    assert.match(await raw(port, `GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
    assert.match(await raw(port, 'GET /primary HTTP/1.1\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 200 /);
  });
});

test('too much before the body is refused, and the server goes on', async () => {
  await serving(new FakeAgentControl(), async (_, api) => {
    const port = portOf(api);
    const headers = (count: number): string => Array.from({ length: count }, (_each, at) => `X-${at}: y\r\n`).join('');
    const closing = 'Connection: close\r\n\r\n';
    for (const [what, request, code] of [
      ['the longest line', `GET /primary?${'x'.repeat(65_536 - 22)} HTTP/1.1\r\n${closing}`, 200],
      ['a line that is too long', `GET /primary?${'x'.repeat(65_536 - 21)} HTTP/1.1\r\n\r\n`, 414],
      ['a line without end', `GET /primary?${'x'.repeat(2_000_000)}`, '(414|431)'],
      ['a hundred headers', `GET /primary HTTP/1.1\r\n${headers(99)}${closing}`, 200],
      ['one more', `GET /primary HTTP/1.1\r\n${headers(101)}\r\n`, 431],
      ['many more', `POST /restart HTTP/1.1\r\nContent-Length: 2\r\n${headers(5000)}\r\n{}`, 431],
      ['headers without end', `GET /primary HTTP/1.1\r\n${headers(100_000)}`, 431],
      ['afterwards', `GET /primary HTTP/1.1\r\n${closing}`, 200],
    ] as const) {
      const answer = await raw(port, request);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${code} `), what);
      if (code !== 200) assert.match(answer, /\r\nConnection: close\r\n/, what);
    }
  });
});
