// The stores that clusters of the scripts may have: how a server is started, and how members are told of it. A further
// store is one more entry.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { consulProgram, installConsul } from './consul.mjs';
import { PROTOCOLS } from './counting-proxy.mjs';
import { installKubeApiserver } from './kube-apiserver.mjs';
import { startProgram } from './programs.mjs';
import { ownFolder } from './unprivileged.mjs';
import { http, waitFor } from './wait.mjs';
import { installZooKeeper } from './zookeeper.mjs';

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

/** A module of the tests' support, which is TypeScript. */
async function support(name) {
  const { transpile } = await import('../build.mjs');
  await transpile();
  return import(`../../build/test/support/${name}.js`);
}

async function startZooKeeper({ folder, freePort }) {
  const { JARS, modeOf, zookeeperArguments } = await support('zookeeper-server');
  const port = await freePort(0);
  const dataDir = join(folder, 'zookeeper');
  mkdirSync(dataDir);
  ownFolder(dataDir);
  const lines = [`dataDir=${dataDir}`, `clientPort=${port}`, 'clientPortAddress=127.0.0.1', 'tickTime=2000'];
  writeFileSync(join(folder, 'zoo.cfg'), `${lines.join('\n')}\n`, { mode: 0o644 });
  const args = zookeeperArguments(JARS, join(folder, 'zoo.cfg'));
  const program = startProgram('java', args, { logFile: join(folder, 'zookeeper.log'), cwd: folder });
  await untilReady('ZooKeeper', program, async () => (await modeOf(port)) !== undefined);
  return { port, program };
}

const KUBE_LABELS = { application: 'patroni' };

/** The API server speaks TLS only: members reach it through a relay that speaks plain HTTP, so that requests can be counted. */
async function startKubernetes() {
  const { startKube } = await support('kube-server');
  const { startKubeProxy } = await support('kube-proxy');
  const kube = await startKube();
  const proxy = await startKubeProxy(kube.port);
  const stop = async () => {
    await proxy.close();
    await kube.stop();
  };
  return { port: Number(new URL(proxy.url).port), program: { stop }, kube };
}

/** Its pod, which is an object only, and its way to the API server. */
async function kubernetesMember({ name, folder, port, server: { kube } }) {
  await kube.createPod(name, { ...KUBE_LABELS, 'cluster-name': 'batman' }, { ip: `10.1.0.${1 + (port % 250)}` });
  const file = join(folder, `${name}.kubeconfig`);
  writeFileSync(file, kube.kubeconfig({ url: `http://127.0.0.1:${port}` }), { mode: 0o644 });
  return { section: { kubernetes: { labels: KUBE_LABELS, context: 'test' } }, env: { KUBECONFIG: file } };
}

const base64 = (text) => Buffer.from(text).toString('base64');

/**
 * `section`: of a member's settings, for a port of its own; members' own lists would lead around it. `member` instead, where each
 * needs more: its section and environment. `noise`: writes one key that is nobody's; absent where that is nobody's business.
 * `obstacle`: installs what is missing; says why it cannot be had.
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
  zookeeper: {
    label: 'ZooKeeper',
    protocol: PROTOCOLS.zookeeper,
    start: startZooKeeper,
    section: (port) => ({ zookeeper: { hosts: [`127.0.0.1:${port}`] } }),
    obstacle: installZooKeeper,
  },
  kubernetes: {
    label: 'Kubernetes',
    protocol: PROTOCOLS.http,
    start: startKubernetes,
    member: kubernetesMember,
    obstacle: installKubeApiserver,
  },
};
