// A cluster on loopback for the demo and the benchmark: etcd, members of this implementation ('ours') or of the
// distribution's Python Patroni ('patroni'), and HAProxy, all as the unprivileged user, all in one folder.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import pg from 'pg';
import { memberSettings, proxySettings, SUPERUSER } from './member-settings.mjs';
import { clientPaths, peerPath } from './peer.mjs';
import { freePort } from './ports.mjs';
import { childrenOf, serverOptions, signal, startProgram } from './programs.mjs';
import { STORES } from './store-servers.mjs';
import { ownFolder } from './unprivileged.mjs';
import { http, waitFor } from './wait.mjs';

/** The programs of an implementation: how to start an agent and a patronictl. */
function programsOf(kind, { checkout, node }) {
  if (kind === 'patroni') return { agent: ['/usr/bin/patroni'], ctl: ['/usr/bin/patronictl'] };
  if (kind === 'peer') {
    const env = { PYTHONPATH: [peerPath(), ...clientPaths()].filter(Boolean).join(':'), PYTHONDONTWRITEBYTECODE: '1' };
    return { agent: ['/usr/bin/python3', '-m', 'patroni'], ctl: ['/usr/bin/python3', '-c', 'from patroni.ctl import ctl; ctl()'], env };
  }
  return { agent: [node, join(checkout, 'bin/patroni')], ctl: [node, join(checkout, 'bin/patronictl')] };
}

/** One query on a connection of its own. */
export async function query(port, text, values) {
  const client = new pg.Client({ host: '127.0.0.1', port, ...SUPERUSER, connectionTimeoutMillis: 3_000, query_timeout: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(text, values)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** One member: an agent and the PostgreSQL that it runs. */
function createMember({ name, port, restPort, folder, store, dynamic, command, env }) {
  const configFile = join(folder, `${name}.yml`);
  const logFile = join(folder, `${name}.log`);
  const dataDir = join(folder, 'data', name);
  writeFileSync(configFile, dump(memberSettings({ name, port, restPort, folder, store, dynamic })));
  let agent;

  function postmaster() {
    try {
      const pid = Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
      return pid > 0 && signal(pid, 0) ? pid : undefined;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    }
  }

  return {
    name,
    port,
    restPort,
    configFile,
    logFile,
    dataDir,
    postmaster,
    agent: () => agent,
    start() {
      agent = startProgram(command[0], [...command.slice(1), configFile], { logFile, cwd: folder, env });
    },
    /** What GET /patroni says, or undefined when nobody answers. */
    async status() {
      try {
        return JSON.parse((await http(restPort, '/patroni', { limitMs: 1_000 })).body);
      } catch {
        return undefined;
      }
    },
    isPrimary: () =>
      http(restPort, '/primary').then(
        ({ status }) => status === 200,
        () => false,
      ),
    isReplica: () =>
      http(restPort, '/replica').then(
        ({ status }) => status === 200,
        () => false,
      ),
    sql: (text, values) => query(port, text, values),
    /** The processes that send WAL to the replicas. */
    walSenders: () =>
      childrenOf(postmaster() ?? -1)
        .filter(({ command: line }) => line.includes('walsender'))
        .map(({ pid }) => pid),
    killPostmaster: () => signal(postmaster() ?? -1, 'SIGKILL'),
    /** What a power failure leaves: agent, postmaster and all its children end at once, without a word. */
    async kill() {
      const server = postmaster();
      const children = server ? childrenOf(server) : [];
      agent?.signal('SIGKILL');
      if (server) signal(server, 'SIGKILL');
      for (const { pid } of children) signal(pid, 'SIGKILL');
      await agent?.exited;
    },
    /** Stops the agent, which stops its PostgreSQL; and PostgreSQL itself if that is left over. */
    async stop() {
      await agent?.stop();
      const left = postmaster();
      if (!left) return;
      signal(left, 'SIGCONT');
      signal(left, 'SIGQUIT');
      await waitFor(`PostgreSQL of ${name} ends`, () => !postmaster(), { limitMs: 10_000 }).catch(() => signal(left, 'SIGKILL'));
    },
  };
}

/** One call of etcd's JSON gateway. */
async function ask(port, call, body) {
  return JSON.parse((await http(port, `/v3/${call}`, { method: 'POST', body })).body);
}

const base64 = (text) => Buffer.from(text).toString('base64');

/** Whole seconds that the leader lock has left; undefined while nobody holds it. */
async function lockTtl(port) {
  const { kvs } = await ask(port, 'kv/range', { key: base64('/service/batman/leader') });
  if (!kvs?.[0]?.lease) return undefined;
  return Number((await ask(port, 'lease/timetolive', { ID: kvs[0].lease })).TTL ?? 0);
}

/**
 * Starts the store and writes the members' configuration; starts no member yet.
 * @param options kind 'ours' | 'patroni' | 'peer', checkout and node (where and by what ours runs), count of members, dynamic
 *   (over bootstrap.dcs), ports { store, postgres, rest } wanted ones (0 or absent: any), back a name of STORES, entrance:
 *   gives the port by which a member reaches the store's
 */
export async function createCluster({ kind = 'ours', checkout, node, count = 3, dynamic = {}, ports = {}, back, entrance }) {
  const folder = mkdtempSync(join(tmpdir(), 'patroni-cluster-'));
  mkdirSync(join(folder, 'data'));
  for (const path of [folder, join(folder, 'data')]) ownFolder(path);
  const taken = new Set();
  const { agent: command, ctl, env } = programsOf(kind, { checkout, node });
  let store;
  let proxy;
  const members = [];

  async function leader(limitMs = 60_000) {
    const find = async () => members[(await Promise.all(members.map((member) => member.isPrimary()))).indexOf(true)];
    return waitFor('a leader', find, { limitMs, everyMs: 20 });
  }

  /** All running agents serve: one primary, and every other one a replica that streams from it. */
  async function isHealthy() {
    const running = members.filter((member) => member.agent()?.isRunning());
    const primary = members[(await Promise.all(members.map((member) => member.isPrimary()))).indexOf(true)];
    if (!primary) return false;
    const replicas = running.filter((member) => member !== primary);
    if (!(await Promise.all(replicas.map((member) => member.isReplica()))).every(Boolean)) return false;
    const [row] = await primary.sql("SELECT count(*)::int AS n FROM pg_stat_replication WHERE state = 'streaming'");
    return row.n >= replicas.length;
  }

  const cluster = {
    folder,
    members,
    leader,
    isHealthy,
    store: () => store,
    proxy: () => proxy,
    start: () => {
      for (const member of members) member.start();
    },
    async untilHealthy(limitMs = 60_000) {
      await waitFor('all members healthy', isHealthy, { limitMs });
    },
    async startProxy({ port = 0, statsPort = 0 } = {}) {
      const chosen = { port: await freePort(port, taken), statsPort: await freePort(statsPort, taken) };
      const file = join(folder, 'haproxy.cfg');
      writeFileSync(file, proxySettings({ ...chosen, members }));
      const program = startProgram('haproxy', ['-f', file, '-db'], { logFile: join(folder, 'haproxy.log'), cwd: folder });
      await waitFor('HAProxy answers', async () => (await http(chosen.statsPort, '/')).status === 200, { limitMs: 15_000 }).catch(
        (error) => {
          throw new Error(`${error.message}\n${program.tail(5)}`);
        },
      );
      proxy = { ...chosen, program };
      return proxy;
    },
    /** Resolves within a tenth of a second after the leader has renewed its lock. */
    async untilRenewed(limitMs = 60_000) {
      let before = Number.POSITIVE_INFINITY;
      const isRenewed = async () => {
        const now = (await lockTtl(store.port)) ?? Number.POSITIVE_INFINITY;
        const grew = now > before;
        before = now;
        return grew;
      };
      await waitFor('the lock is renewed', isRenewed, { limitMs, everyMs: 100 });
    },
    /** Asks the leader for a switchover, as patronictl does. @throws Error with its answer when it refuses or fails. */
    async switchover(from, to) {
      const body = { leader: from.name, candidate: to.name };
      const answer = await http(from.restPort, '/switchover', { method: 'POST', body, limitMs: 60_000 });
      if (answer.status !== 200) throw new Error(`switchover: ${answer.status} ${answer.body}`);
    },
    /** Runs patronictl: { code, output }. */
    patronictl: (...args) =>
      new Promise((resolve) => {
        const all = [...ctl.slice(1), '-c', members[0].configFile, ...args];
        execFile(ctl[0], all, { ...serverOptions({ LC_ALL: 'C.UTF-8', ...env }), cwd: folder, timeout: 60_000 }, (error, stdout, stderr) =>
          resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, output: stdout + stderr }),
        );
      }),
    /** Stops everything and removes the folder. Never throws: it is what runs when something else has failed. */
    async stop({ keep = false } = {}) {
      const failed = (error) => process.stderr.write(`stopping: ${error.message}\n`);
      await proxy?.program.stop(5_000).catch(failed);
      await Promise.all(members.map((member) => member.stop().catch(failed)));
      await store?.program.stop(5_000).catch(failed);
      if (!keep && existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };

  try {
    const wanted = ports.store ?? 0;
    const { start, section, member = ({ port }) => ({ section: section(port) }) } = STORES[back ?? 'etcd3'];
    store = await start({ folder, freePort: (offset) => freePort(wanted && wanted + offset, taken) });
    for (let index = 0; index < count; index += 1) {
      const port = await freePort(ports.postgres ? ports.postgres + index : 0, taken);
      const restPort = await freePort(ports.rest ? ports.rest + index : 0, taken);
      const name = `postgresql${index}`;
      const reach = (await entrance?.(store.port)) ?? store.port;
      const own =
        back === undefined
          ? { section: { etcd3: { host: `127.0.0.1:${store.port}` } } }
          : await member({ name, folder, port: reach, server: store });
      const settings = { name, port, restPort, folder, store: own.section, dynamic, command, env: { ...env, ...own.env } };
      members.push(createMember(settings));
    }
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
