import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../support/free-port.js';
import { ManagedProcess } from './managed-process.js';
import { httpGet } from './rest.js';
import type { StoreServer } from './servers.js';
import { waitFor } from './wait.js';

/** Where scripts/lib/consul.mjs unpacks it. */
const PROGRAM = ['/var/tmp/patroni-consul/usr/bin/consul', '/usr/bin/consul', '/usr/local/bin/consul'].find(existsSync) ?? 'consul';

/** One real Consul. Stopping and starting it again keeps its data and its ports. */
export class ConsulServer implements StoreServer {
  readonly clientPort: number;
  readonly #folder: string;
  #process: ManagedProcess | undefined;

  private constructor(folder: string, clientPort: number) {
    this.#folder = folder;
    this.clientPort = clientPort;
  }

  static async start(folder: string): Promise<ConsulServer> {
    const [http = 0, gossip = 0, server = 0] = await freePorts(3);
    const document = {
      ...{ node_name: 'c1', data_dir: join(folder, 'consul'), server: true, bootstrap_expect: 1 },
      ...{ bind_addr: '127.0.0.1', client_addr: '127.0.0.1', log_level: 'err', disable_update_check: true },
      ...{ performance: { raft_multiplier: 1 }, leave_on_terminate: false },
      ports: { http, dns: -1, grpc: -1, serf_lan: gossip, serf_wan: -1, server },
    };
    writeFileSync(join(folder, 'consul.json'), JSON.stringify(document));
    const consul = new ConsulServer(folder, http);
    await consul.start();
    return consul;
  }

  get section(): Readonly<Record<string, unknown>> {
    return { consul: { host: `127.0.0.1:${this.clientPort}`, register_service: true } };
  }

  async start(): Promise<void> {
    const args = ['agent', '-config-file', join(this.#folder, 'consul.json')];
    this.#process = new ManagedProcess(PROGRAM, args, { logFile: join(this.#folder, 'consul.log'), cwd: this.#folder });
    const isReady = async () => (await httpGet(this.clientPort, '/v1/catalog/nodes?consistent=1')).body.startsWith('[{');
    await waitFor('consul has a leader', isReady, 20_000);
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
