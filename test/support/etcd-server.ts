import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { freeze } from './freeze.js';
import type { StoreServer } from './store-server.js';

const START_TIMEOUT_MS = 60_000;

/** etcd. The second port is the one that members use among themselves. */
export interface EtcdServer extends StoreServer {
  readonly peerPort: number;
  /** Of the process that runs now. */
  readonly pid: number;
}

export interface EtcdServerOptions {
  readonly extraArguments?: readonly string[];
  readonly protocol?: 'http' | 'https';
  /** Instead of the address where it listens to clients. */
  readonly advertise?: string;
  readonly ports?: { readonly client: number; readonly peer: number };
  readonly name?: string;
  /** `name=http://127.0.0.1:port,…` of all members. */
  readonly cluster?: string;
}

/** A port that was free a moment ago may be somebody else's by now: then others are tried. */
const ATTEMPTS = 3;

export async function startEtcd(options: EtcdServerOptions = {}): Promise<EtcdServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (options.ports !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

async function startOnce(options: EtcdServerOptions): Promise<EtcdServer> {
  const directory = await mkdtemp(join(tmpdir(), 'etcd-test-'));
  const { client, peer } = options.ports ?? { client: await freePort(), peer: await freePort() };
  const name = options.name ?? 'e1';
  const url = `${options.protocol ?? 'http'}://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const parameters = [
    ...['--name', name, '--data-dir', join(directory, 'data'), '--logger', 'zap', '--log-level', 'fatal'],
    ...['--listen-client-urls', url, '--advertise-client-urls', options.advertise ?? url],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', options.cluster ?? `${name}=${peerUrl}`],
    ...(options.extraArguments ?? []),
  ];
  let child: ChildProcess;
  const run = async (): Promise<void> => {
    child = spawn('etcd', parameters, { stdio: 'ignore' });
    const started = child;
    const hasEnded = (): boolean => started.exitCode !== null || started.signalCode !== null;
    if (options.cluster === undefined && options.protocol !== 'https') await untilHealthy(url, hasEnded);
    else await untilOpen(client, hasEnded);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await run();
  } catch (error) {
    await kill();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return {
    url,
    port: client,
    peerPort: peer,
    get pid() {
      return child.pid ?? -1;
    },
    kill,
    restart: run,
    freeze: () => freeze(child),
    thaw: () => child.kill('SIGCONT'),
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Three members on one machine. */
export async function startEtcdCluster(extraArguments: readonly string[] = []): Promise<readonly EtcdServer[]> {
  const names = ['e1', 'e2', 'e3'];
  const ports: { client: number; peer: number }[] = [];
  for (const _ of names) ports.push({ client: await freePort(), peer: await freePort() });
  const cluster = names.map((name, i) => `${name}=http://127.0.0.1:${ports[i]?.peer}`).join(',');
  const servers = await Promise.all(
    names.map((name, i) => startEtcd({ name, cluster, extraArguments, ports: ports[i] ?? { client: 0, peer: 0 } })),
  );
  for (const server of servers) await untilHealthy(server.url);
  return servers;
}

/** Which of them leads the others; -1: none does now. */
export async function etcdLeaderAmong(servers: readonly StoreServer[]): Promise<number> {
  for (const [i, { url }] of servers.entries()) {
    const { header, leader } = JSON.parse(await etcdPost(url, '/maintenance/status', {})) as {
      header: { member_id: string };
      leader: string;
    };
    if (header.member_id === leader) return i;
  }
  return -1;
}

/** One request to the gateway, past the client under test. */
export function etcdPost(url: string, path: string, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${url}/v3${path}`, { method: 'POST' }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
    request.end(JSON.stringify(body));
  });
}

async function until(check: () => Promise<boolean>, what: string, hasEnded: () => boolean): Promise<void> {
  const end = Date.now() + START_TIMEOUT_MS;
  while (!(await check())) {
    if (hasEnded()) throw new Error(`${what}: it has ended`);
    if (Date.now() > end) throw new Error(`${what} not within ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function untilHealthy(url: string, hasEnded: () => boolean = () => false): Promise<void> {
  return until(
    () =>
      get(`${url}/health`).then(
        (text) => text.includes('true'),
        () => false,
      ),
    `etcd at ${url}`,
    hasEnded,
  );
}

function untilOpen(port: number, hasEnded: () => boolean): Promise<void> {
  return until(
    () =>
      get(`http://127.0.0.1:${port}/`).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code !== 'ECONNREFUSED',
      ),
    `port ${port}`,
    hasEnded,
  );
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { timeout: 1000 }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
  });
}
