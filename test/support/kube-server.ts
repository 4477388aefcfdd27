import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type EtcdServer, startEtcd } from './etcd-server.js';
import { freePort } from './free-port.js';
import { freeze } from './freeze.js';

const START_TIMEOUT_MS = 60_000;
/** Of the member of the group that may do everything. */
const ADMIN_TOKEN = 'admin-token';

/** Where scripts/lib/kube-apiserver.mjs unpacks it. */
const PROGRAM = process.env['KUBE_APISERVER'] ?? '/var/tmp/patroni-kube/kube-apiserver';

/** Why tests with a kube-apiserver are left out; undefined: they are not. */
export function kubeObstacle(): string | undefined {
  return PROGRAM !== '' && existsSync(PROGRAM) ? undefined : 'there is no kube-apiserver here (see CONTRIBUTING.md)';
}

/** A suite that needs a kube-apiserver; without one it is left out and says why. */
export function describeWithKube(name: string, suite: () => void): void {
  const skip = kubeObstacle();
  if (skip === undefined) void describe(name, suite);
  else void test(name, { skip }, () => undefined);
}

export interface KubeAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface KubeconfigOptions {
  readonly token?: string;
  readonly tokenFile?: string;
  /** Instead of the server's: of a proxy. */
  readonly url?: string;
}

/** A real kube-apiserver, with RBAC, on an etcd of its own. */
export interface KubeServer {
  readonly port: number;
  readonly url: string;
  /** The file with the certificate to trust. */
  readonly caFile: string;
  readonly adminToken: string;
  /** One request past the client under test, as administrator unless told otherwise. */
  request(
    method: string,
    path: string,
    body?: unknown,
    options?: { readonly token?: string; readonly contentType?: string },
  ): Promise<KubeAnswer>;
  /** As `request`; anything but a success is an error. */
  apply(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** Adds a pod that is only an object: nothing runs in it. */
  createPod(
    name: string,
    labels: Readonly<Record<string, string>>,
    options?: { readonly namespace?: string; readonly ip?: string; readonly status?: string },
  ): Promise<void>;
  /** The text of a kubeconfig, with context `test`. */
  kubeconfig(options?: KubeconfigOptions): string;
  /** SIGKILL of the API server; etcd and the data stay. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT: connections stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** @param members of the etcd behind it, which end with it; one of its own unless given. */
export async function startKube(members?: readonly EtcdServer[]): Promise<KubeServer> {
  const folder = await mkdtemp(join(tmpdir(), 'kube-test-'));
  const etcd = members ?? [await startEtcd()];
  const port = await freePort();
  await writeAccounts(folder);
  const caFile = join(folder, 'certs/apiserver.crt');
  let child: ChildProcess | undefined;
  const request: KubeServer['request'] = (method, path, body, { token = ADMIN_TOKEN, contentType = 'application/json' } = {}) =>
    send(port, method, path, body, token, contentType);
  const run = async (): Promise<void> => {
    child = spawn(PROGRAM, serverArguments(folder, port, etcd.map(({ url }) => url).join(',')), { stdio: 'ignore' });
    child.on('error', () => undefined);
    await untilReady(request, port);
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child?.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  };
  const apply: KubeServer['apply'] = async (method, path, body) => {
    const { status, body: answer } = await request(method, path, body, {
      contentType: method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    });
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${String(answer['message'])}`);
    return answer;
  };
  // For an exit that waits for nothing.
  const leave = (): void => {
    child?.kill('SIGKILL');
    for (const member of etcd) void member.kill();
  };
  process.once('exit', leave);
  const stop = async (): Promise<void> => {
    process.off('exit', leave);
    await kill();
    for (const member of etcd) await member.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await run();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...{ port, url: `https://127.0.0.1:${port}`, caFile, adminToken: ADMIN_TOKEN, request, apply, kill, restart: run, stop },
    createPod: async (name, labels, { namespace = 'default', ip, status } = {}) => {
      const metadata = { name, labels, ...(status === undefined ? {} : { annotations: { status } }) };
      await apply('POST', `/api/v1/namespaces/${namespace}/pods`, {
        metadata,
        spec: { containers: [{ name: 'postgres', image: 'none' }] },
      });
      if (ip !== undefined)
        await apply('PATCH', `/api/v1/namespaces/${namespace}/pods/${name}/status`, { status: { podIP: ip, podIPs: [{ ip }] } });
    },
    kubeconfig: (options = {}) => kubeconfigText(caFile, port, options),
    freeze: () => child && freeze(child),
    thaw: () => child?.kill('SIGCONT'),
  };
}

function kubeconfigText(caFile: string, port: number, { token = ADMIN_TOKEN, tokenFile, url }: KubeconfigOptions): string {
  const server = url ?? `https://127.0.0.1:${port}`;
  // Nothing is to be trusted on plain HTTP, and who uses it may not be able to read the file.
  const trust = server.startsWith('https:') ? { 'certificate-authority': caFile } : {};
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'other' },
    contexts: [
      { name: 'other', context: { cluster: 'none', user: 'none' } },
      { name: 'test', context: { cluster: 'c', user: 'u' } },
    ],
    clusters: [{ name: 'c', cluster: { server, ...trust } }],
    users: [{ name: 'u', user: tokenFile === undefined ? { token } : { tokenFile } }],
  });
}

/** The keys that sign tokens of service accounts, and the administrator. */
async function writeAccounts(folder: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  await writeFile(join(folder, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(folder, 'tokens.csv'), `${ADMIN_TOKEN},admin,admin,system:masters\nstranger-token,stranger,stranger\n`);
  await mkdir(join(folder, 'certs'));
}

function serverArguments(folder: string, port: number, etcd: string): readonly string[] {
  return [
    ...['--etcd-servers', etcd, '--secure-port', String(port), '--bind-address', '127.0.0.1', '--advertise-address', '127.0.0.1'],
    ...['--cert-dir', join(folder, 'certs'), '--service-cluster-ip-range', '10.0.0.0/24'],
    ...['--service-account-key-file', join(folder, 'sa.pub'), '--service-account-signing-key-file', join(folder, 'sa.key')],
    ...['--service-account-issuer', 'https://kubernetes.default.svc', '--token-auth-file', join(folder, 'tokens.csv')],
    // Pods may then be made without the controller that gives namespaces a service account.
    ...['--authorization-mode', 'RBAC', '--disable-admission-plugins', 'ServiceAccount', '--v', '0'],
  ];
}

function send(port: number, method: string, path: string, body: unknown, token: string, contentType: string): Promise<KubeAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': contentType };
    const options = { host: '127.0.0.1', port, method, path, headers, rejectUnauthorized: false, timeout: 10_000, agent: false };
    const request = https.request(options, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
        } catch {
          resolve({ status: response.statusCode ?? 0, body: { message: text } });
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Until it is ready, and objects can be made: the namespace and the roles of RBAC come a moment later. */
async function untilReady(request: KubeServer['request'], port: number): Promise<void> {
  for (const end = Date.now() + START_TIMEOUT_MS; ; ) {
    const answers = await Promise.all([
      request('GET', '/readyz').catch(() => undefined),
      request('GET', '/api/v1/namespaces/default').catch(() => undefined),
      request('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/admin').catch(() => undefined),
    ]);
    if (answers.every((answer) => answer?.status === 200)) return;
    if (Date.now() > end) throw new Error(`kube-apiserver at port ${port} not within ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
