import { HttpEndpoint } from '../../src/dcs/shared/http-client.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import type { GuardedServer } from '../contract/drills/harness.js';
import { etcdPost, startEtcd } from './etcd-server.js';

const ROOT = { username: 'root', password: 'the-root-secret' };
const READER = { username: 'reader', password: 'the-reader-secret' };
const WRONG = { username: 'root', password: 'the-wrong-secret' };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** An etcd whose v3 API knows two users. */
export async function startEtcd3WithUsers(extraArguments: readonly string[] = []): Promise<GuardedServer> {
  const server = await startEtcd({ extraArguments });
  const post = async (path: string, body: unknown): Promise<void> => {
    const answer = await etcdPost(server.url, path, body);
    if (answer.includes('"error"')) throw new Error(`${path}: ${answer}`);
  };
  for (const { username, password } of [ROOT, READER]) await post('/auth/user/add', { name: username, password });
  for (const name of ['root', 'reads']) await post('/auth/role/add', { name });
  const perm = { permType: 'READ', key: base64('/service/demo/'), range_end: base64('/service/demo0') };
  await post('/auth/role/grant', { name: 'reads', perm });
  await post('/auth/user/grant', { user: ROOT.username, role: 'root' });
  await post('/auth/user/grant', { user: READER.username, role: 'reads' });
  await post('/auth/enable', {});
  return { server, right: ROOT, wrong: WRONG, readOnly: READER, secret: WRONG.password };
}

/** An etcd whose v2 API knows two users, and lets nobody else read or write. */
export async function startEtcd2WithUsers(): Promise<GuardedServer> {
  const server = await startEtcd({ extraArguments: ['--enable-v2'] });
  const endpoint = new HttpEndpoint({ origin: server.url, clock: nodeClock });
  const authorization = `Basic ${base64(`${ROOT.username}:${ROOT.password}`)}`;
  const put = async (path: string, body: unknown): Promise<void> => {
    const request = { method: 'PUT', path: `/v2/auth${path}`, body: JSON.stringify(body), timeoutMs: 5000 };
    const { status, body: text } = await endpoint.request({ ...request, headers: { authorization, 'content-type': 'application/json' } });
    if (status >= 300) throw new Error(`${path}: ${text}`);
  };
  await put(`/users/${ROOT.username}`, { user: ROOT.username, password: ROOT.password });
  await put('/roles/reads', { role: 'reads', permissions: { kv: { read: ['/service/demo*'], write: [] } } });
  await put(`/users/${READER.username}`, { user: READER.username, password: READER.password, roles: ['reads'] });
  await put('/enable', {});
  await put('/roles/guest', { role: 'guest', revoke: { kv: { read: ['/*'], write: ['/*'] } } });
  endpoint.close();
  return { server, right: ROOT, wrong: WRONG, readOnly: READER, secret: WRONG.password };
}
