import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, serving } from '../../test/support/api-client.js';
import { FakeAgentControl, primary } from '../../test/support/fake-agent-control.js';
import type { RestApiSettings } from '../ports/settings.js';

const authentication = { username: 'admin', password: 'grün:geheim' };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const RIGHT = basic('admin:grün:geheim');
const PING = { name: 'b', conn_url: 'c', api_url: 'u' };

const UNSAFE: readonly (readonly [method: string, path: string])[] = [
  ['PATCH', '/config'],
  ['PUT', '/config'],
  ['POST', '/reload'],
  ['POST', '/restart'],
  ['POST', '/reinitialize'],
  ['POST', '/switchover'],
  ['POST', '/failover'],
  ['POST', '/failsafe'],
  ['POST', '/sigterm'],
  ['POST', '/citus'],
  ['POST', '/mpp'],
  ['DELETE', '/restart'],
  ['DELETE', '/switchover'],
];

/** What `POST /reload` says. */
async function reload(settings: Partial<RestApiSettings>, authorization?: string, control = new FakeAgentControl()): Promise<Answer> {
  let answer: Answer | undefined;
  await serving(
    control,
    async (ask) => {
      answer = await ask('POST', '/reload', undefined, authorization === undefined ? {} : { headers: { authorization } });
    },
    settings,
  );
  assert.ok(answer);
  return answer;
}

test('a password protects every call that changes something, and none that reads', async () => {
  const control = new FakeAgentControl();
  await serving(
    control,
    async (ask) => {
      for (const [method, path] of UNSAFE) {
        // The body is not even looked at: this one is unusable.
        const { code, body, headers } = await ask(method, path, '{');
        assert.deepEqual([code, body], [401, 'no auth header received'], `${method} ${path}`);
        assert.equal(headers['www-authenticate'], 'Basic realm="Patroni"');
      }
      for (const path of ['/', '/patroni', '/cluster', '/history', '/config', '/metrics', '/liveness', '/failsafe'])
        assert.equal((await ask('GET', path)).code, 200, path);
      assert.deepEqual([(await ask('HEAD', '/primary')).code, (await ask('OPTIONS', '/primary')).code], [200, 200]);
    },
    { authentication },
  );
  assert.deepEqual(control.done, []);
});

test('basic authentication: scheme, user and password have to be right', async () => {
  for (const wrong of [
    basic('admin:x'),
    basic('x:grün:geheim'),
    basic(''),
    RIGHT.replace('Basic', 'basic'),
    RIGHT.replace('Basic', 'Bearer'),
    'Basic',
    `${RIGHT}=`,
  ]) {
    const { code, body, headers } = await reload({ authentication }, wrong);
    assert.deepEqual([code, body, headers['www-authenticate']], [401, 'not authenticated', 'Basic realm="Patroni"'], wrong);
  }
  assert.equal((await reload({ authentication }, RIGHT)).code, 202);
});

test('allowlist: networks, addresses and names; what it does not know is denied', async () => {
  const codes = async (...lists: readonly (readonly string[])[]): Promise<number[]> =>
    Promise.all(lists.map(async (allowlist) => (await reload({ allowlist })).code));
  assert.deepEqual(
    await codes(['127.0.0.0/8'], ['127.0.0.77/8'], ['127.0.0.1'], ['localhost'], ['::/0', '10.0.0.0/8', '127.0.0.1/32'], []),
    [202, 202, 202, 202, 202, 202],
  );
  assert.deepEqual(
    await codes(['10.0.0.0/8'], ['127.0.0.2'], ['::1'], ['127.0.0.1/'], ['127.0.0.1/x'], ['127.0.0.1/8/8']),
    Array(6).fill(403),
  );
  assert.equal((await reload({ allowlist: ['10.0.0.0/8'] })).body, 'Access is denied');
});

test('allowlist: an IPv4 client of a dual-stack socket is known by its IPv4 address', async () => {
  assert.equal((await reload({ listenHost: '*', allowlist: ['127.0.0.1'] })).code, 202);
  assert.equal((await reload({ listenHost: '*', allowlist: ['10.0.0.1'] })).code, 403);
});

test('allowlist: the address is checked before the password, and safe calls are not', async () => {
  const settings = { authentication, allowlist: ['10.0.0.0/8'] };
  assert.deepEqual((await reload(settings)).code, 403);
  assert.deepEqual((await reload(settings, RIGHT)).code, 403);
  assert.deepEqual((await reload({ authentication, allowlist: ['127.0.0.1'] })).code, 401);
  await serving(new FakeAgentControl(), async (ask) => assert.equal((await ask('GET', '/patroni')).code, 200), settings);
});

test('patroni-3096: allowlist_include_members: the hosts of all api_urls, except for /failsafe', async () => {
  const here = primary.member('b', { api_url: 'http://127.0.0.1:8009/patroni' });
  const elsewhere = ['a', 'b', 'c'].reduce((scene, name) => scene.member(name, { api_url: 'http://10.0.0.1:8008/patroni' }), primary);
  const members = { allowlistIncludeMembers: true };
  const code = async (settings: Partial<RestApiSettings>, scene = here): Promise<number> =>
    (await reload(settings, undefined, new FakeAgentControl(scene))).code;
  assert.equal(await code(members), 202);
  assert.equal(await code(members, elsewhere), 403);
  assert.equal(await code({ ...members, allowlist: ['127.0.0.1'] }, elsewhere), 202);
  assert.equal(await code({ ...members, allowlist: ['10.0.0.1'] }), 202);
  // Without a view there are no members.
  assert.equal(await code(members, here.dcsUnavailable()), 403);
  assert.equal(await code({ allowlist: ['10.0.0.1'] }), 403);

  const failsafe = async (settings: Partial<RestApiSettings>): Promise<number> => {
    let found = 0;
    const control = new FakeAgentControl(here.dcsUnavailable());
    await serving(
      control,
      async (ask) => {
        found = (await ask('POST', '/failsafe', PING)).code;
      },
      settings,
    );
    return found;
  };
  // 502: let in, and told that the mode is off.
  assert.deepEqual([await failsafe(members), await failsafe({ ...members, allowlist: ['10.0.0.1'] })], [502, 403]);
});
