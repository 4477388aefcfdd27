import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

import { freeze } from './freeze.js';
import type { StoreServer } from './store-server.js';

const START_TIMEOUT_MS = 60_000;
/** Where scripts/lib/consul.mjs unpacks it. */
const PROGRAM = ['/var/tmp/patroni-consul/usr/bin/consul', '/usr/bin/consul', '/usr/local/bin/consul'].find(existsSync) ?? 'consul';

export interface ConsulServerOptions {
  /** Merged into the configuration file. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** How many servers there are, and the gossip addresses of the others. */
  readonly cluster?: { readonly size: number; readonly name: string; readonly gossipPort: number; readonly join: readonly string[] };
  /** May do everything, where the settings have access control. */
  readonly token?: string;
  /** Set where the server answers over TLS only. */
  readonly httpsPort?: number;
}

export async function startConsul(options: ConsulServerOptions = {}): Promise<StoreServer> {
  const directory = await mkdtemp(join(tmpdir(), 'consul-test-'));
  const port = options.httpsPort ?? (await freePort());
  const { cluster } = options;
  const gossip = cluster?.gossipPort ?? (await freePort());
  const web = options.httpsPort === undefined ? { http: port, https: -1 } : { http: -1, https: port };
  const document = {
    ...{ node_name: cluster?.name ?? 'c1', data_dir: join(directory, 'data'), server: true, bootstrap_expect: cluster?.size ?? 1 },
    ...{ bind_addr: '127.0.0.1', client_addr: '127.0.0.1', log_level: 'err', disable_update_check: true },
    // The tests of a session's end would take half a minute each.
    ...{ session_ttl_min: '500ms', performance: { raft_multiplier: 1 }, leave_on_terminate: false },
    ...{ ports: { ...web, dns: -1, grpc: -1, serf_lan: gossip, serf_wan: -1, server: await freePort() } },
    ...(cluster === undefined ? {} : { retry_join: cluster.join, retry_interval: '1s' }),
    ...options.settings,
  };
  await writeFile(join(directory, 'consul.json'), JSON.stringify(document));
  let child: ChildProcess;
  const run = async (): Promise<void> => {
    child = spawn(PROGRAM, ['agent', '-config-file', join(directory, 'consul.json')], { stdio: 'ignore' });
    child.on('error', () => undefined);
    if (cluster === undefined && options.httpsPort === undefined) await untilLed(`http://127.0.0.1:${port}`, options.token);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  };
  await run();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
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

/** Three servers on one machine. */
export async function startConsulCluster(): Promise<readonly StoreServer[]> {
  const gossip = [await freePort(), await freePort(), await freePort()];
  const servers = await Promise.all(
    gossip.map((gossipPort, i) => {
      const others = gossip.filter((other) => other !== gossipPort).map((other) => `127.0.0.1:${other}`);
      return startConsul({ cluster: { size: 3, name: `c${i + 1}`, gossipPort, join: others } });
    }),
  );
  for (const server of servers) await untilLed(server.url);
  return servers;
}

/** One request past the client under test. @returns the answer's text. */
export function consulRequest(url: string, method: string, path: string, body?: string, token?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { 'x-consul-token': token };
    const request = http.request(`${url}/v1${path}`, { method, headers, timeout: 5000 }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve(text));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(body);
  });
}

/** Until a write is possible: a leader is known, and it has finished becoming one. */
async function untilLed(url: string, token?: string): Promise<void> {
  for (const end = Date.now() + START_TIMEOUT_MS; ; ) {
    const isReady = await consulRequest(url, 'GET', '/catalog/nodes?consistent=1', undefined, token).then(
      (text) => text.startsWith('[{'),
      () => false,
    );
    if (isReady) return;
    if (Date.now() > end) throw new Error(`Consul at ${url} not within ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
