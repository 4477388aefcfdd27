import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConsulSettings } from './settings.js';

test('where the agent is', () => {
  const cases: readonly (readonly [section: Record<string, unknown>, origin: string])[] = [
    [{}, 'http://127.0.0.1:8500'],
    [{ host: 'a' }, 'http://a:8500'],
    [{ host: 'a:81', scheme: 'https' }, 'https://a:81'],
    [{ host: 'a:81', port: 82 }, 'http://a:82'],
    [{ host: '[::1]:81' }, 'http://[::1]:81'],
    [{ host: '::1' }, 'http://[::1]:8500'],
    [{ url: 'https://b', host: 'a' }, 'https://b:8500'],
    [{ url: 'https://b:443/' }, 'https://b:443'],
    [{ url: 'http://[::1]:81' }, 'http://[::1]:81'],
  ];
  for (const [section, origin] of cases) assert.equal(parseConsulSettings(section).origin, origin, JSON.stringify(section));
});

test('what is not set has its default', () => {
  const { access, service, checks, tls } = parseConsulSettings({ service_tags: ['b', 'a'], verify: 'off' });
  assert.deepEqual(access, { token: undefined, dc: undefined, consistency: 'default' });
  assert.deepEqual(service, { isRegistered: false, tags: ['a', 'b'], checkInterval: '5s', checkTlsServerName: undefined });
  assert.deepEqual(checks, []);
  assert.deepEqual(tls, { rejectUnauthorized: false });
});
