import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memberConfiguration } from '../integration/harness/member-configuration.js';
import { giveToUnprivileged } from '../integration/harness/unprivileged.js';
import { PORT } from './clients/connection.js';
import { HostProcess, postmasterOf, send, sendToTree } from './host-process.js';
import type { Host } from './network.js';

const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const [REST_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT] = [8008, 2379, 2380];
/** Of a member's disk, in MB: enough for the data and the WAL of a long run, small enough to be filled. */
const DISK_MB = 1024;
/** A server that tries in vain says so each few seconds, among what the clients' statements make it say. */
const LOG_END_BYTES = 16_384;

/** One of the etcd servers. */
export class EtcdMachine {
  readonly host: Host;
  private readonly folder: string;
  private readonly ensemble: readonly Host[];
  private process: HostProcess | undefined;

  constructor(host: Host, ensemble: readonly Host[], folder: string) {
    this.host = host;
    this.ensemble = ensemble;
    this.folder = folder;
  }

  start(): void {
    if (this.process?.isRunning) return;
    const { name, address } = this.host;
    const peer = (host: Host): string => `http://${host.address}:${ETCD_PEER_PORT}`;
    const client = `http://${address}:${ETCD_CLIENT_PORT}`;
    const options = {
      name,
      'data-dir': join(this.folder, 'data', name),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer(this.host),
      'initial-advertise-peer-urls': peer(this.host),
      'initial-cluster': this.ensemble.map((host) => `${host.name}=${peer(host)}`).join(','),
      'heartbeat-interval': '100',
      'election-timeout': '1000',
      // The state of the experiment is gone with it: a slow disk must not be what is measured.
      'unsafe-no-fsync': 'true',
      logger: 'zap',
      'log-level': 'error',
    };
    const supported = execFileSync('etcd', ['--help'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const args = Object.entries(options)
      .filter(([name]) => supported.includes(`--${name}`))
      .map(([name, value]) => `--${name}=${value}`);
    this.process = new HostProcess(this.host, ['etcd', ...args], { logFile: join(this.folder, `${name}.log`), cwd: this.folder });
  }

  signal(signal: NodeJS.Signals): void {
    this.process?.signal(signal);
  }

  /** Whether this one leads the ensemble. */
  async isLeader(): Promise<boolean> {
    const answer = await http(this.host.address, ETCD_CLIENT_PORT, 'POST', '/v3/maintenance/status', '{}');
    const { header, leader } = JSON.parse(answer.body) as { header?: { member_id?: string }; leader?: string };
    return leader !== undefined && leader === header?.member_id;
  }

  async isHealthy(): Promise<boolean> {
    return (await http(this.host.address, ETCD_CLIENT_PORT, 'GET', '/health')).body.includes('true');
  }
}

export interface MemberMachineOptions {
  readonly dynamic: Readonly<Record<string, unknown>>;
  readonly watchdog: Readonly<Record<string, unknown>> | undefined;
  /** A library that lets the wall clock of a process be set, for LD_PRELOAD. */
  readonly fakeClock: string | undefined;
}

/** A member: an agent and the PostgreSQL that it runs, on a disk of its own. */
export class MemberMachine {
  readonly host: Host;
  readonly dataDir: string;
  private readonly folder: string;
  private readonly disk: string;
  private readonly configFile: string;
  private readonly clockFile: string;
  private readonly options: MemberMachineOptions;
  private process: HostProcess | undefined;
  /** The nemesis wants it down: nobody restarts it meanwhile. */
  isDown = false;

  constructor(host: Host, etcd: readonly Host[], folder: string, options: MemberMachineOptions) {
    this.host = host;
    this.folder = folder;
    this.options = options;
    this.disk = join(folder, 'data', host.name);
    mkdirSync(this.disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m,mode=0755`, 'none', this.disk]);
    giveToUnprivileged(this.disk);
    this.dataDir = join(this.disk, 'pgdata');
    this.configFile = join(folder, `${host.name}.yml`);
    this.clockFile = join(folder, `${host.name}.clock`);
    const own = { name: host.name, port: PORT, restPort: REST_PORT, folder, store: { etcd3: { host: `127.0.0.1:${ETCD_CLIENT_PORT}` } } };
    const base = memberConfiguration(own, { scope: 'batman', dynamic: options.dynamic, postgresql: {}, watchdog: options.watchdog });
    const postgres = base['postgresql'] as Record<string, unknown>;
    const configuration = {
      ...base,
      restapi: { listen: `${host.address}:${REST_PORT}`, connect_address: `${host.address}:${REST_PORT}` },
      etcd3: { hosts: etcd.map(({ address }) => `${address}:${ETCD_CLIENT_PORT}`) },
      postgresql: {
        ...postgres,
        listen: `${host.address}:${PORT}`,
        connect_address: `${host.address}:${PORT}`,
        data_dir: this.dataDir,
        pg_hba: ['local all all trust', 'host replication replicator 10.77.0.0/16 md5', 'host all all 10.77.0.0/16 md5'],
        parameters: { unix_socket_directories: this.disk },
        // Nobody is there who could order it: a rewind may break off half-way, and the cluster must become whole.
        remove_data_directory_on_rewind_failure: true,
        remove_data_directory_on_diverged_timelines: true,
      },
    };
    writeFileSync(this.configFile, JSON.stringify(configuration, undefined, 2));
    this.setClock(0);
  }

  get name(): string {
    return this.host.name;
  }

  private get logFile(): string {
    return join(this.folder, `${this.name}.log`);
  }

  get isAgentRunning(): boolean {
    return this.process?.isRunning === true;
  }

  startAgent(): void {
    this.isDown = false;
    if (this.isAgentRunning) return;
    const { fakeClock } = this.options;
    const env =
      fakeClock === undefined
        ? {}
        : {
            LD_PRELOAD: fakeClock,
            FAKETIME_TIMESTAMP_FILE: this.clockFile,
            FAKETIME_NO_CACHE: '1',
            // What the agent starts shares a semaphore with it, and would wait for ever when one of them was killed while it had that.
            FAKETIME_ONLY_CMDS: 'node',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
          };
    this.process = new HostProcess(this.host, [process.execPath, join(checkout, 'bin/patroni'), this.configFile], {
      logFile: this.logFile,
      cwd: this.folder,
      env,
    });
  }

  signalAgent(signal: NodeJS.Signals): void {
    this.process?.signal(signal);
  }

  async stopAgent(): Promise<void> {
    this.isDown = true;
    await this.process?.stop('SIGTERM');
  }

  killAgent(): void {
    this.isDown = true;
    this.process?.signal('SIGKILL');
  }

  signalServer(signal: NodeJS.Signals): void {
    const pid = postmasterOf(this.dataDir);
    if (pid !== undefined) sendToTree(pid, signal);
  }

  killPostmaster(): void {
    const pid = postmasterOf(this.dataDir);
    if (pid !== undefined) send(pid, 'SIGKILL');
  }

  /** What a power failure leaves. */
  killEverything(): void {
    this.killAgent();
    this.signalServer('SIGKILL');
  }

  /** Fills the disk; @returns what empties it again. */
  fillDisk(): () => void {
    const file = join(this.disk, 'filler');
    const { bavail, bsize } = statfsSync(this.disk);
    const bytes = Number(bavail) * Number(bsize) - 4096;
    // It may be full already.
    if (bytes > 0) execFileSync('fallocate', ['-l', String(bytes), file]);
    return () => rmSync(file, { force: true });
  }

  /** The wall clock of the agent goes so many seconds wrong, from one moment to the next. */
  setClock(seconds: number): void {
    writeFileSync(this.clockFile, `${seconds >= 0 ? '+' : ''}${seconds}s`);
    chmodSync(this.clockFile, 0o644);
  }

  /** Starts the agent again when it ended by itself, as a supervisor does. */
  supervise(): void {
    if (!this.isDown && !this.isAgentRunning && this.process !== undefined) this.startAgent();
  }

  /** What agent and server have written last. */
  logEnd(): string {
    const file = openSync(this.logFile, 'r');
    try {
      const length = Math.min(LOG_END_BYTES, fstatSync(file).size);
      const end = Buffer.alloc(length);
      readSync(file, end, 0, length, fstatSync(file).size - length);
      return end.toString('utf8');
    } finally {
      closeSync(file);
    }
  }

  async answers(path: string): Promise<boolean> {
    return (await http(this.host.address, REST_PORT, 'GET', path)).status === 200;
  }

  async post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: string }> {
    return http(this.host.address, REST_PORT, 'POST', path, JSON.stringify(body), 60_000);
  }

  async status(): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse((await http(this.host.address, REST_PORT, 'GET', '/patroni')).body) as Record<string, unknown>;
  }
}

/** libfaketime, where it is installed. */
export function fakeClockLibrary(): string | undefined {
  const folder = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
  const path = `/usr/lib/${folder}-linux-gnu/faketime/libfaketimeMT.so.1`;
  return existsSync(path) ? path : undefined;
}

function http(
  host: string,
  port: number,
  method: string,
  path: string,
  body?: string,
  limitMs = 2_000,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host, port, method, path, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (part: string) => {
        text += part;
      });
      reply.on('error', reject);
      reply.on('end', () => {
        clearTimeout(deadline);
        resolve({ status: reply.statusCode ?? 0, body: text });
      });
    });
    const deadline = setTimeout(() => call.destroy(new Error(`${method} ${path} at ${host}: no answer within ${limitMs} ms`)), limitMs);
    call.on('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    call.end(body);
  });
}
