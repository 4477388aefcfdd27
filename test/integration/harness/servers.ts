import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../support/free-port.js';
import { ManagedProcess } from './managed-process.js';
import { httpGet } from './rest.js';
import { waitFor } from './wait.js';

/** The store of a test cluster. */
export interface StoreServer {
  readonly clientPort: number;
  /** The section of the members' configuration that leads to it. */
  readonly section: Readonly<Record<string, unknown>>;
  readonly log: ManagedProcess | undefined;
  /** What agents and patronictl need in their environment to reach it. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called for each member before its agent starts for the first time. */
  addMember?(name: string, scope: string): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it and all that belongs to it, where `stop` does not. */
  remove?(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** One real etcd. Stopping and starting it again keeps its data and its ports. */
export class EtcdServer implements StoreServer {
  readonly clientPort: number;
  readonly #peerPort: number;
  readonly #folder: string;
  #process: ManagedProcess | undefined;

  private constructor(folder: string, clientPort: number, peerPort: number) {
    this.#folder = folder;
    this.clientPort = clientPort;
    this.#peerPort = peerPort;
  }

  static async start(folder: string): Promise<EtcdServer> {
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const server = new EtcdServer(folder, clientPort, peerPort);
    await server.start();
    return server;
  }

  get section(): Readonly<Record<string, unknown>> {
    return { etcd3: { host: `127.0.0.1:${this.clientPort}` } };
  }

  async start(): Promise<void> {
    const client = `http://127.0.0.1:${this.clientPort}`;
    const peer = `http://127.0.0.1:${this.#peerPort}`;
    const args = [
      '--name',
      'e1',
      '--data-dir',
      join(this.#folder, 'etcd'),
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
    ];
    args.push(
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `e1=${peer}`,
      '--logger',
      'zap',
      '--log-level',
      'error',
    );
    this.#process = new ManagedProcess('etcd', args, { logFile: join(this.#folder, 'etcd.log'), cwd: this.#folder });
    await waitFor('etcd is healthy', async () => (await httpGet(this.clientPort, '/health')).body.includes('true'), 20_000);
  }

  async stop(): Promise<void> {
    this.#process?.signal('SIGCONT');
    await this.#process?.stop('SIGTERM', 10_000);
  }

  freeze(): void {
    this.#process?.signal('SIGSTOP');
  }

  thaw(): void {
    this.#process?.signal('SIGCONT');
  }

  get log(): ManagedProcess | undefined {
    return this.#process;
  }
}

export interface Backend {
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
}

/** One real HAProxy: `port` leads to the primary, `statsPort` shows its page. `check` is how often it asks, in ms. */
export class HaproxyServer {
  readonly port: number;
  readonly statsPort: number;
  readonly process: ManagedProcess;

  private constructor(port: number, statsPort: number, process: ManagedProcess) {
    this.port = port;
    this.statsPort = statsPort;
    this.process = process;
  }

  static async start(
    folder: string,
    backends: readonly Backend[],
    options: { readonly port?: number; readonly statsPort?: number; readonly checkMs?: number } = {},
  ): Promise<HaproxyServer> {
    const [freePort = 0, freeStatsPort = 0] = await freePorts(2);
    const port = options.port ?? freePort;
    const statsPort = options.statsPort ?? freeStatsPort;
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, configuration(port, statsPort, backends, options.checkMs ?? 200));
    const server = new HaproxyServer(
      port,
      statsPort,
      new ManagedProcess('haproxy', ['-f', file, '-db'], { logFile: join(folder, 'haproxy.log'), cwd: folder }),
    );
    await waitFor('HAProxy answers', async () => (await httpGet(statsPort, '/')).status === 200, 15_000);
    return server;
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGTERM', 5_000);
  }
}

function configuration(port: number, statsPort: number, backends: readonly Backend[], checkMs: number): string {
  const servers = backends.map(
    ({ name, port: target, restPort }) => `    server ${name} 127.0.0.1:${target} maxconn 100 check port ${restPort}`,
  );
  return `global
    maxconn 200
defaults
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 2s
    timeout server 30m
    timeout check 2s
listen stats
    mode http
    bind 127.0.0.1:${statsPort}
    stats enable
    stats uri /
    stats refresh 2s
listen primary
    bind 127.0.0.1:${port}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter ${checkMs}ms fastinter ${Math.min(checkMs, 100)}ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers.join('\n')}
`;
}
