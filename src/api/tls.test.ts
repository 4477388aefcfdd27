import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { ask, portOf, SETTINGS, serving } from '../../test/support/api-client.js';
import { Authority } from '../../test/support/certificates.js';
import { FakeAgentControl } from '../../test/support/fake-agent-control.js';
import type { RestApiSettings } from '../ports/settings.js';

const authority = new Authority();
const stranger = new Authority();
after(() => {
  authority.remove();
  stranger.remove();
});

const server = authority.issue('server');
const member = authority.issue('member');
const foreign = stranger.issue('foreign');
const ca = readFileSync(authority.caFile);
const TLS = { certfile: server.certFile, keyfile: server.keyFile };

const withKey = ({ certFile, keyFile }: typeof member): RequestOptions => ({
  ca,
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
});

/** Codes of GET /patroni and POST /reload; `refused` where the handshake fails. */
async function outcome(settings: Partial<RestApiSettings>, options: RequestOptions): Promise<(number | 'refused')[]> {
  const codes: (number | 'refused')[] = [];
  await serving(
    new FakeAgentControl(),
    async (_, api) => {
      for (const [method, path] of [
        ['GET', '/patroni'],
        ['POST', '/reload'],
      ] as const)
        codes.push(
          await ask(portOf(api), method, path, undefined, options).then(
            ({ code }) => code,
            () => 'refused' as const,
          ),
        );
    },
    { ...TLS, ...settings },
  );
  return codes;
}

/** The serial number of the certificate that a new connection gets. */
function serialAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('TLS: key of its own file, in the file of the certificate, and under a password', async () => {
  assert.deepEqual(await outcome({}, { ca }), [200, 202]);
  const joined = `${server.certFile}.joined`;
  writeFileSync(joined, readFileSync(server.certFile, 'utf8') + readFileSync(server.keyFile, 'utf8'));
  assert.deepEqual(await outcome({ certfile: joined, keyfile: undefined }, { ca }), [200, 202]);
  const locked = authority.issue('locked', 'sesame');
  const settings = { certfile: locked.certFile, keyfile: locked.keyFile };
  assert.deepEqual(await outcome({ ...settings, keyfilePassword: 'sesame' }, { ca }), [200, 202]);
  await assert.rejects(outcome({ ...settings, keyfilePassword: 'wrong' }, { ca }));
  await assert.rejects(outcome({ certfile: '/nowhere/x.crt' }, { ca }), /x\.crt/);
});

test('TLS: verify_client', async () => {
  const cafile = authority.caFile;
  const cases: readonly (readonly [Partial<RestApiSettings>, RequestOptions, readonly (number | 'refused')[]])[] = [
    [{ cafile, verifyClient: 'none' }, { ca }, [200, 202]],
    [{ cafile, verifyClient: 'optional' }, { ca }, [200, 403]],
    [{ cafile, verifyClient: 'optional' }, withKey(member), [200, 202]],
    [{ cafile, verifyClient: 'optional' }, withKey(foreign), [200, 403]],
    [{ cafile, verifyClient: 'required' }, { ca }, ['refused', 'refused']],
    [{ cafile, verifyClient: 'required' }, withKey(member), [200, 202]],
    [{ cafile, verifyClient: 'required' }, withKey(foreign), ['refused', 'refused']],
    // Without cafile nobody can be verified, whoever signed.
    [{ verifyClient: 'optional' }, withKey(member), [200, 403]],
    [{ verifyClient: 'required' }, withKey(member), ['refused', 'refused']],
  ];
  for (const [settings, options, expected] of cases) assert.deepEqual(await outcome(settings, options), expected, JSON.stringify(settings));
});

test('TLS: address, certificate and password are checked in this order', async () => {
  const order = { cafile: authority.caFile, verifyClient: 'optional', authentication: { username: 'u', password: 'p' } } as const;
  const said = async (settings: Partial<RestApiSettings>, options: RequestOptions): Promise<string> => {
    let body = '';
    await serving(
      new FakeAgentControl(),
      async (_, api) => {
        ({ body } = await ask(portOf(api), 'POST', '/reload', undefined, options));
      },
      { ...TLS, ...order, ...settings },
    );
    return body;
  };
  assert.equal(await said({ allowlist: ['10.0.0.1'] }, { ca }), 'Access is denied');
  assert.equal(await said({}, { ca }), 'client certificate required');
  assert.equal(await said({}, withKey(member)), 'no auth header received');
});

test('TLS: a renewed certificate is taken over by a reload; the socket and its connections stay', async () => {
  const renewed = authority.issue('renewed');
  const settings: RestApiSettings = { ...SETTINGS, certfile: renewed.certFile, keyfile: renewed.keyFile };
  await serving(
    new FakeAgentControl(),
    async (_, api) => {
      const port = portOf(api);
      const first = await serialAt(port);
      const open = connect({ port, host: '127.0.0.1', ca });
      await new Promise((resolve) => open.once('secureConnect', resolve));
      await api.reload({ ...settings, listenPort: 0 });
      assert.equal(await serialAt(port), first);
      authority.issue('renewed');
      await api.reload(settings);
      assert.notEqual(await serialAt(port), first);
      const answer = new Promise<string>((resolve) => open.once('data', (part) => resolve(String(part))));
      open.write('OPTIONS /primary HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.match(await answer, /^HTTP\/1.1 200 OK/);
      open.destroy();
      // A file that can't be used changes nothing.
      const second = await serialAt(port);
      writeFileSync(renewed.certFile, 'rubbish');
      await api.reload(settings);
      assert.equal(await serialAt(port), second);
    },
    settings,
  );
});

test('a changed address or TLS setting opens a new socket; what is being answered gets its answer', async () => {
  const control = new FakeAgentControl();
  let release = (): void => undefined;
  control.hold = new Promise((resolve) => {
    release = resolve;
  });
  await serving(control, async (_, api) => {
    const before = portOf(api);
    const slow = ask(before, 'POST', '/restart', {});
    while (control.done.length === 0) await ask(before, 'GET', '/liveness');
    await api.reload({ ...SETTINGS, ...TLS });
    const now = portOf(api);
    assert.equal((await ask(now, 'GET', '/patroni', undefined, { ca })).code, 200);
    await assert.rejects(ask(before, 'GET', '/liveness'));
    release();
    assert.deepEqual((await slow).body, 'restarted successfully');
  });
});

test('a change that can not be used leaves the socket open, and its own access rules in force', async () => {
  await serving(new FakeAgentControl(), async (_, api) => {
    await api.reload({
      ...SETTINGS,
      certfile: '/nowhere/x.crt',
      verifyClient: 'required',
      authentication: { username: 'u', password: 'p' },
    });
    const port = portOf(api);
    assert.equal((await ask(port, 'GET', '/patroni')).code, 200);
    assert.equal((await ask(port, 'POST', '/reload')).body, 'no auth header received');
    assert.equal((await ask(port, 'POST', '/reload', undefined, { auth: 'u:p' })).code, 202);
  });
});

test('server_tokens and extra headers', async () => {
  const headers = async (settings: Partial<RestApiSettings>, options: RequestOptions = {}) => {
    let found: Readonly<Record<string, unknown>> = {};
    await serving(
      new FakeAgentControl(),
      async (_, api) => {
        found = (await ask(portOf(api), 'GET', '/patroni', undefined, options)).headers;
      },
      settings,
    );
    return [found['server'], found['x-plain'], found['x-tls'], found['content-type']];
  };
  const extra = { httpExtraHeaders: { 'X-Plain': 'a', 'X-TLS': 'from http' }, httpsExtraHeaders: { 'X-TLS': 'from https' } };
  assert.deepEqual(await headers({ serverTokens: 'original' }), [undefined, undefined, undefined, 'application/json']);
  assert.deepEqual(await headers({ serverTokens: 'minimal' }), ['Patroni/4.1.4', undefined, undefined, 'application/json']);
  assert.deepEqual(await headers({ serverTokens: 'productonly', ...extra }), ['Patroni', 'a', 'from http', 'application/json']);
  assert.deepEqual(await headers({ ...TLS, ...extra }, { ca }), [undefined, 'a', 'from https', 'application/json']);
});
