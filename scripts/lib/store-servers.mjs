// The stores that clusters of the scripts may have: how a server is started, and how members are told of it. A further
// store is one more entry.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { consulProgram, installConsul } from './consul.mjs';
import { PROTOCOLS } from './counting-proxy.mjs';
import { startProgram } from './programs.mjs';
import { http, waitFor } from './wait.mjs';

async function untilReady(what, program, isReady) {
  const ask = async () => {
    if (!program.isRunning()) throw new Error(program.tail(3));
    return isReady();
  };
  await waitFor(`${what} is ready`, ask, { limitMs: 20_000 });
}

/** @param freePort gives a port, near a wanted one if there is one */
async function startEtcd({ folder, freePort, extra = [] }) {
  const port = await freePort(0);
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${await freePort(1)}`;
  const args = ['--data-dir', join(folder, 'etcd'), '--listen-client-urls', client, '--advertise-client-urls', client];
  args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`, ...extra);
  const program = startProgram('etcd', args, { logFile: join(folder, 'etcd.log'), cwd: folder });
  await untilReady('etcd', program, async () => (await http(port, '/health')).body.includes('true'));
  return { port, program };
}

async function startConsul({ folder, freePort }) {
  const [port, gossip, rpc] = [await freePort(0), await freePort(1), await freePort(2)];
  const file = join(folder, 'consul.json');
  const settings = {
    ...{ node_name: 'c1', data_dir: join(folder, 'consul'), server: true, bootstrap_expect: 1, bind_addr: '127.0.0.1' },
    ...{ client_addr: '127.0.0.1', log_level: 'err', disable_update_check: true, performance: { raft_multiplier: 1 } },
    ports: { http: port, https: -1, dns: -1, grpc: -1, serf_lan: gossip, serf_wan: -1, server: rpc },
  };
  writeFileSync(file, JSON.stringify(settings), { mode: 0o644 });
  const program = startProgram(consulProgram() ?? 'consul', ['agent', '-config-file', file], {
    logFile: join(folder, 'consul.log'),
    cwd: folder,
  });
  const isLed = async () => (await http(port, '/v1/catalog/nodes?consistent=1')).body.startsWith('[{');
  await untilReady('Consul', program, isLed);
  return { port, program };
}

const base64 = (text) => Buffer.from(text).toString('base64');

/**
 * `section`: of a member's settings, for a port of its own; members' own lists would lead around it. `noise`: writes one key
 * that is nobody's. `obstacle`: installs what is missing; says why it cannot be had.
 */
export const STORES = {
  etcd3: {
    label: 'etcd v3',
    protocol: PROTOCOLS.http,
    start: startEtcd,
    section: (port) => ({ etcd3: { host: `127.0.0.1:${port}`, use_proxies: true } }),
    noise: (port, n) => http(port, '/v3/kv/put', { method: 'POST', body: { key: base64('/elsewhere'), value: base64(String(n)) } }),
    obstacle: () => undefined,
  },
  etcd: {
    label: 'etcd v2',
    protocol: PROTOCOLS.http,
    start: (options) => startEtcd({ ...options, extra: ['--enable-v2'] }),
    section: (port) => ({ etcd: { host: `127.0.0.1:${port}`, use_proxies: true } }),
    noise: (port, n) => http(port, `/v2/keys/elsewhere?value=${n}`, { method: 'PUT' }),
    obstacle: () => undefined,
  },
  consul: {
    label: 'Consul',
    protocol: PROTOCOLS.http,
    start: startConsul,
    section: (port) => ({ consul: { host: `127.0.0.1:${port}` } }),
    noise: (port, n) => http(port, '/v1/kv/elsewhere', { method: 'PUT', body: n }),
    obstacle: installConsul,
  },
};
