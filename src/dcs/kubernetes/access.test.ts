import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Authority } from '../../../test/support/certificates.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { parseYaml } from '../../config/yaml.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { DcsSettingError } from '../../ports/dcs.js';
import { Deadline } from '../shared/retry.js';
import { type ApiAccess, apiAccess } from './access.js';
import { originsOf } from './api-servers.js';
import { fixedAuthorization } from './authorization.js';
import { KubernetesClient } from './client.js';
import { parseKubernetesSettings } from './settings.js';

const settings = parseKubernetesSettings({ labels: {}, context: 'x' }, 'demo');

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kube-access-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('inside of a pod the service account counts, and its token is read again after a minute or a refusal', async (t) => {
  const folder = folderFor(t);
  const clock = new ManualClock();
  writeFileSync(join(folder, 'token'), 'one\n');
  writeFileSync(join(folder, 'ca.crt'), 'CA');
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443', KUBECONFIG: join(folder, 'none') };
  const access = apiAccess(settings, { environment, parseYaml, serviceAccountFolder: folder }, clock);
  assert.equal(access.origin, 'https://[fd00::1]:443');
  assert.equal(String(access.tls.ca), 'CA');
  assert.equal(access.authorization.header(), 'Bearer one');
  writeFileSync(join(folder, 'token'), 'two\n');
  await clock.advance(59_000);
  assert.equal(access.authorization.header(), 'Bearer one');
  await clock.advance(2_000);
  assert.equal(access.authorization.header(), 'Bearer two');
  assert.equal(access.authorization.renew(), false, 'nothing else to try');
  writeFileSync(join(folder, 'token'), 'three\n');
  assert.equal(access.authorization.renew(), true);
  rmSync(join(folder, 'token'));
  await clock.advance(61_000);
  assert.equal(access.authorization.header(), 'Bearer three', 'the last one goes on');
  assert.throws(() => apiAccess(settings, { environment, parseYaml, serviceAccountFolder: folder }, clock), DcsSettingError);
});

test('a kubeconfig: context, credentials, certificates as data or as files beside it', (t) => {
  const folder = folderFor(t);
  mkdirSync(join(folder, 'pki'));
  writeFileSync(join(folder, 'pki/ca.crt'), 'CA');
  writeFileSync(join(folder, 'token'), 'filed');
  const access = (cluster: unknown, user: unknown, extra: Readonly<Record<string, unknown>> = {}): ApiAccess => {
    const file = join(folder, 'config');
    const contexts = [{ name: 'x', context: { cluster: 'c', user: 'u' } }];
    writeFileSync(file, JSON.stringify({ contexts, clusters: [{ name: 'c', cluster }], users: [{ name: 'u', user }] }));
    const environment = { KUBECONFIG: file };
    return apiAccess({ ...settings, ...extra }, { environment, parseYaml, serviceAccountFolder: folder }, nodeClock);
  };
  const server = 'https://h:6443';
  const data = Buffer.from('DATA').toString('base64');
  const both = access({ server, 'certificate-authority-data': data, 'certificate-authority': 'pki/none' }, { token: 't' });
  assert.deepEqual([both.origin, String(both.tls.ca), both.authorization.header()], [server, 'DATA', 'Bearer t']);
  const filed = access({ server, 'certificate-authority': 'pki/ca.crt' }, { tokenFile: 'token' });
  assert.deepEqual([String(filed.tls.ca), filed.authorization.header()], ['CA', 'Bearer filed']);
  const open = access({ server, 'insecure-skip-tls-verify': true }, { username: 'u', password: 'p' });
  assert.deepEqual([open.tls.rejectUnauthorized, open.authorization.header()], [false, 'Basic dTpw']);
  const certified = access(
    { server },
    { 'client-certificate-data': data, 'client-key-data': data },
    { cacert: join(folder, 'pki/ca.crt') },
  );
  assert.deepEqual([String(certified.tls.cert), String(certified.tls.key), String(certified.tls.ca)], ['DATA', 'DATA', 'CA']);
  assert.equal(certified.authorization.header(), undefined);
  const refused = (cluster: unknown, user: unknown): string => {
    try {
      access(cluster, user);
      return 'accepted';
    } catch (error) {
      assert.ok(error instanceof DcsSettingError);
      return error.message;
    }
  };
  assert.match(refused({ server }, { exec: { command: 'aws' } }), /"exec" is not supported; use a token, tokenFile or client certificate/);
  assert.match(refused({ server: 'ftp://h' }, {}), /no http or https URL/);
  assert.match(refused({}, {}), /^kubernetes\.context: .* has no server/);
  assert.match(refused({ server: 'ftp://u:secret@h' }, {}), /^kubernetes\.context: 'ftp:\/\/\*\*\*@h' /);
  assert.match(refused({ server, 'certificate-authority': 'pki/none' }, {}), /can't be read/);
});

test('API servers are those of the port https over TCP', () => {
  const port = { name: 'https', port: 6443, protocol: 'TCP' };
  assert.deepEqual(
    originsOf({
      subsets: [
        { addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], ports: [{ name: 'other', port: 1 }, port] },
        { addresses: [{ ip: '10.0.0.3' }], ports: [{ ...port, protocol: 'UDP' }] },
        { ports: [port] },
      ],
    }),
    ['https://10.0.0.1:6443', 'https://[fd00::1]:6443'],
  );
  assert.deepEqual(originsOf({}), []);
});

/** An API server that tells its name, and where the servers are. */
function fakeServer(
  authority: Authority,
  name: string,
  host: string,
  listed: () => { readonly status: number; readonly subsets: unknown },
): Promise<Server> {
  const { certFile, keyFile } = authority.issue(name);
  const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
    const { status, subsets } = request.url?.endsWith('/endpoints/kubernetes') ? listed() : { status: 200, subsets: undefined };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ name, subsets }));
  });
  return new Promise((resolve) => server.listen(0, host, () => resolve(server)));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('bypass_api_service: the listed servers are asked, the usual address when they are gone or may not be listed', async (t) => {
  const authority = new Authority();
  t.after(() => authority.remove());
  let listed: { status: number; subsets: unknown } = { status: 200, subsets: [] };
  const usual = await fakeServer(authority, 'usual', '127.0.0.1', () => listed);
  const direct = await fakeServer(authority, 'direct', '127.0.0.2', () => listed);
  const client = new KubernetesClient({
    access: {
      origin: `https://127.0.0.1:${portOf(usual)}`,
      tls: { ca: readFileSync(authority.caFile) },
      authorization: fixedAuthorization('Bearer x'),
    },
    ...{ clock: nodeClock, random: nodeRandom, log: silentLog, retriableCodes: new Set<number>() },
  });
  t.after(() => {
    client.close();
    for (const server of [usual, direct]) {
      server.close();
      server.closeAllConnections();
    }
  });
  const deadline = (): Deadline => new Deadline(nodeClock, nodeRandom, { timeoutMs: milliseconds(4000) });
  const asked = async (): Promise<unknown> =>
    (await client.send({ method: 'GET', path: '/api/v1/namespaces/x/pods', attempts: 'repeat' }, deadline())).body['name'];
  await client.followApiServers(0, deadline());
  assert.equal(await asked(), 'usual', 'none is listed');
  // Its certificate names the usual address only, which is what counts.
  listed = { status: 200, subsets: [{ addresses: [{ ip: '127.0.0.2' }], ports: [{ name: 'https', port: portOf(direct) }] }] };
  await client.followApiServers(0, deadline());
  assert.equal(await asked(), 'direct');
  await client.followApiServers(60_000, deadline());
  direct.close();
  direct.closeAllConnections();
  assert.equal(await asked(), 'usual');
  listed = { status: 403, subsets: undefined };
  await client.followApiServers(0, deadline());
  assert.equal(await asked(), 'usual');
  listed = { status: 200, subsets: [{ addresses: [{ ip: '127.0.0.2' }], ports: [{ name: 'https', port: 1 }] }] };
  await client.followApiServers(0, deadline());
  assert.equal(await asked(), 'usual', 'switched off');
});
