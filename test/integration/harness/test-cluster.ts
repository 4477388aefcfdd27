import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../support/free-port.js';
import { ConsulServer } from './consul-server.js';
import { type AgentKind, program } from './implementations.js';
import { KubernetesServer } from './kubernetes-server.js';
import { killAllRunning } from './managed-process.js';
import { Member } from './member.js';
import { memberConfiguration } from './member-configuration.js';
import { httpCall, httpGet, type RestReply } from './rest.js';
import { EtcdServer, HaproxyServer, type StoreServer } from './servers.js';
import { asUnprivileged, giveToUnprivileged } from './unprivileged.js';
import { waitFor } from './wait.js';
import { connect, Writer } from './writer.js';
import { ZooKeeperServer } from './zookeeper-server.js';

/** The checkout: this file is built to build/test/integration/harness/. */
const checkout = fileURLToPath(new URL('../../../../', import.meta.url));

const STORES = {
  etcd: EtcdServer,
  consul: ConsulServer,
  zookeeper: ZooKeeperServer,
  kubernetes: KubernetesServer,
  'kubernetes-endpoints': { start: (folder: string) => KubernetesServer.start(folder, true) },
};

export interface ClusterOptions {
  readonly kind?: AgentKind;
  /** Kind of single members, by number, for mixed clusters. */
  readonly kinds?: readonly AgentKind[];
  readonly members?: number;
  readonly haproxy?: boolean | { readonly port?: number; readonly statsPort?: number; readonly checkMs?: number };
  /** Over the defaults of bootstrap.dcs. */
  readonly dynamic?: Readonly<Record<string, unknown>>;
  /** Over the defaults of the section `postgresql` of each member. */
  readonly postgresql?: Readonly<Record<string, unknown>>;
  /** Name of the cluster; default `batman`. */
  readonly scope?: string;
  /** Begin of the members' names; default `postgresql`. */
  readonly prefix?: string;
  /** Default etcd. */
  readonly store?: keyof typeof STORES;
  /** The section of one member that leads to the store, where it is not the same for all. */
  readonly storeOf?: (server: StoreServer, index: number) => Promise<Readonly<Record<string, unknown>>>;
  /** Uses the store of that cluster, which has to outlive this one. */
  readonly beside?: TestCluster;
  /** Section `watchdog` of each member. */
  readonly watchdog?: Readonly<Record<string, unknown>>;
  /** First ports of members instead of free ones (the demo shows Patroni's). */
  readonly ports?: { readonly postgres: number; readonly rest: number };
}

export interface ListedMember {
  readonly Member: string;
  readonly Role: string;
  readonly State: string;
  readonly TL?: number;
  readonly 'Receive Lag'?: number | string;
  readonly 'Pending restart'?: string;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Which implementation the scenarios run: `AGENT=python` to compare with Debian's. */
export const defaultKind: AgentKind = process.env['AGENT'] === 'python' ? 'python' : 'ours';

/** Real store, members and, if wanted, HAProxy in a folder of their own on loopback. `stop` removes it all. */
export class TestCluster {
  readonly folder: string;
  readonly kind: AgentKind;
  /** The store, etcd unless told otherwise. */
  readonly etcd: StoreServer;
  readonly members: readonly Member[];
  readonly #ownsEtcd: boolean;
  #haproxy: HaproxyServer | undefined;
  readonly #writers: Writer[] = [];

  private constructor(
    folder: string,
    kind: AgentKind,
    etcd: { readonly server: StoreServer; readonly isOwn: boolean },
    members: readonly Member[],
  ) {
    this.folder = folder;
    this.kind = kind;
    this.etcd = etcd.server;
    this.#ownsEtcd = etcd.isOwn;
    this.members = members;
  }

  /** Starts the store and, unless told otherwise, three members, and waits until all are healthy. */
  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const cluster = await TestCluster.prepare(options);
    try {
      for (const member of cluster.members) member.startAgent();
      await cluster.untilHealthy();
      if (options.haproxy) await cluster.startHaproxy(options.haproxy === true ? {} : options.haproxy);
      return cluster;
    } catch (error) {
      await cluster.stop({ hasFailed: true });
      throw error;
    }
  }

  /** Starts the store and writes the members' configuration; starts no member. */
  static async prepare(options: ClusterOptions = {}): Promise<TestCluster> {
    const kind = options.kind ?? defaultKind;
    const count = options.members ?? 3;
    const folder = mkdtempSync(join(tmpdir(), 'patroni-cluster-'));
    mkdirSync(join(folder, 'data'));
    for (const path of [folder, join(folder, 'data')]) {
      chmodSync(path, 0o755);
      giveToUnprivileged(path);
    }
    const etcd: StoreServer = options.beside?.etcd ?? (await STORES[options.store ?? 'etcd'].start(folder));
    const free = await freePorts(count * 2);
    const sections = await Promise.all(Array.from({ length: count }, (_, index) => options.storeOf?.(etcd, index) ?? etcd.section));
    const members = Array.from({ length: count }, (_, index) => {
      const name = `${options.prefix ?? 'postgresql'}${index}`;
      const port = options.ports ? options.ports.postgres + index : (free[index * 2] ?? 0);
      const restPort = options.ports ? options.ports.rest + index : (free[index * 2 + 1] ?? 0);
      const own = { name, port, restPort, folder, store: sections[index] ?? etcd.section };
      const { scope = 'batman', dynamic = {}, postgresql = {}, watchdog } = options;
      const configuration = memberConfiguration(own, { scope, dynamic, postgresql, watchdog });
      const { environment = {} } = etcd;
      return new Member({ kind: options.kinds?.[index] ?? kind, checkout, folder, name, port, restPort, configuration, environment });
    });
    for (const { name } of members) await etcd.addMember?.(name, options.scope ?? 'batman');
    return new TestCluster(folder, kind, { server: etcd, isOwn: options.beside === undefined }, members);
  }

  async startHaproxy(
    options: { readonly port?: number; readonly statsPort?: number; readonly checkMs?: number } = {},
  ): Promise<HaproxyServer> {
    this.#haproxy = await HaproxyServer.start(this.folder, this.members, options);
    return this.#haproxy;
  }

  get haproxy(): HaproxyServer {
    if (this.#haproxy === undefined) throw new Error('this cluster has no HAProxy');
    return this.#haproxy;
  }

  member(name: string): Member {
    const found = this.members.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  /** The member whose agent says that it has the lock (of a primary, or of a standby leader); waits for one. */
  leader(limitMs = 60_000): Promise<Member> {
    return waitFor(
      'a leader',
      async () => {
        const answers = await Promise.all(this.members.map((each) => each.isHealthy('/leader').catch(() => false)));
        return this.members[answers.indexOf(true)];
      },
      limitMs,
    );
  }

  async replicas(): Promise<Member[]> {
    const leader = await this.leader();
    return this.members.filter((each) => each !== leader);
  }

  /** One leader, and every other running member a streaming replica on its timeline. */
  async untilHealthy(limitMs = 90_000): Promise<void> {
    await waitFor('all members healthy', () => this.isHealthy(), limitMs);
  }

  async isHealthy(): Promise<boolean> {
    const running = this.members.filter((each) => each.agent.isRunning);
    const leader = await this.leader(0);
    const timeline = (await leader.status()).timeline;
    const states = await Promise.all(
      running
        .filter((each) => each !== leader)
        .map(async (each) => ({ status: await each.status(), isReplica: await each.isHealthy('/replica') })),
    );
    if (!states.every(({ status, isReplica }) => isReplica && status.state === 'running' && status.timeline === timeline)) return false;
    const { rows } = await this.sql(leader, 'SELECT count(*)::int AS n FROM pg_stat_replication WHERE application_name = ANY($1)', [
      running.map((each) => each.name),
    ]);
    return Number(rows[0]?.['n']) >= running.length - 1;
  }

  async sql(member: Member, text: string, values: unknown[] = []): Promise<{ readonly rows: Record<string, unknown>[] }> {
    const client = await connect(member.port, 5_000);
    try {
      return await client.query<Record<string, unknown>>(text, values);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /**
   * Ends the leader as a power failure does, with WAL on its disk that no replica got: what it needs pg_rewind for when
   * it comes back. Call it between rows: its walsenders are stopped first, so a row written now would be lost.
   */
  async killWithWalOfItsOwn(leader: Member): Promise<void> {
    const { rows } = await this.sql(leader, 'SELECT pid FROM pg_stat_replication');
    for (const { pid } of rows) process.kill(Number(pid), 'SIGSTOP');
    await this.sql(leader, "SELECT pg_logical_emit_message(true, 'test', 'nobody else has this')");
    leader.kill();
  }

  /**
   * Ends the leader as a power failure does, between two rows, when replicas have what was acknowledged: replication is
   * asynchronous, and the loss of the last row would be by design.
   */
  killBetweenRows(leader: Member, writer: Writer): Promise<void> {
    return writer.betweenRows(async () => {
      const text = 'SELECT count(*)::int AS n FROM pg_stat_replication WHERE flush_lsn >= pg_current_wal_flush_lsn()';
      await waitFor('a replica has all of it', async () => Number((await this.sql(leader, text)).rows[0]?.['n']) > 0, 10_000);
      leader.kill();
    });
  }

  rest(member: Member, method: string, path: string, body?: unknown, limitMs = 70_000): Promise<RestReply> {
    return httpCall(member.restPort, method, path, body, limitMs);
  }

  /** Runs patronictl with the configuration of the first member. An exit code other than 0 is returned, not thrown. */
  patronictl(...args: string[]): Promise<CommandResult> {
    return this.patronictlOf(this.kind, ...args);
  }

  /** The same with the patronictl of the implementation that is asked for. */
  patronictlOf(kind: AgentKind, ...args: string[]): Promise<CommandResult> {
    const config = this.members[0]?.configFile ?? '';
    const { command, args: first, env } = program(kind, 'patronictl', checkout);
    const run = asUnprivileged({ ...process.env, LC_ALL: 'C.UTF-8', ...this.etcd.environment, ...env });
    return new Promise((resolve) => {
      execFile(command, [...first, '-c', config, ...args], { ...run, cwd: this.folder, timeout: 60_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** `patronictl list` as data. */
  async list(): Promise<ListedMember[]> {
    const { code, stdout, stderr } = await this.patronictl('list', '-f', 'json');
    if (code !== 0) throw new Error(`patronictl list: ${stderr}`);
    return JSON.parse(stdout) as ListedMember[];
  }

  /** A writer that knows all members, or goes through HAProxy. Stopped with the cluster. */
  async startWriter(options: { readonly throughHaproxy?: boolean; readonly everyMs?: number } = {}): Promise<Writer> {
    const ports = options.throughHaproxy ? [this.haproxy.port] : this.members.map((each) => each.port);
    const writer = new Writer(ports, options);
    this.#writers.push(writer);
    await writer.start();
    return writer;
  }

  /** The ends of all logs, for a failure. */
  logs(lines = 25): string {
    const parts = this.members.map((each) => (existsAgent(each) ? `=== ${each.name}\n${each.agent.tail(lines)}` : ''));
    return [`=== store\n${this.etcd.log?.tail(5) ?? ''}`, ...parts].join('\n');
  }

  /** Stops everything. After a failure the folder with logs and data stays, and the ends of the logs are printed. */
  async stop({ hasFailed = false }: { readonly hasFailed?: boolean } = {}): Promise<void> {
    if (hasFailed) process.stderr.write(`${this.logs()}\nlogs are kept in ${this.folder}\n`);
    await Promise.all(this.#writers.map((each) => each.stop()));
    if (this.#ownsEtcd) this.etcd.thaw();
    await Promise.allSettled(this.members.map((each) => each.remove()));
    await this.#haproxy?.stop();
    if (this.#ownsEtcd) await (this.etcd.remove?.() ?? this.etcd.stop());
    if (!hasFailed) rmSync(this.folder, { recursive: true, force: true });
  }

  /** For an exit by signal: no waiting. */
  killEverything(): void {
    for (const each of this.members) each.kill();
    killAllRunning();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Whether the cluster answers /cluster at all: the API works without a leader too. */
  async restIsUp(member: Member): Promise<boolean> {
    return (await httpGet(member.restPort, '/liveness')).status === 200;
  }
}

function existsAgent(member: Member): boolean {
  try {
    return member.agent.pid > 0;
  } catch {
    return false;
  }
}
