import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../support/free-port.js';
import { untilStopped } from '../../support/freeze.js';
import { JARS, modeOf, zookeeperArguments } from '../../support/zookeeper-server.js';
import { ManagedProcess } from './managed-process.js';
import type { StoreServer } from './servers.js';
import { giveToUnprivileged } from './unprivileged.js';
import { waitFor } from './wait.js';

/** One real ZooKeeper. Stopping and starting it again keeps its data, its sessions and its port. */
export class ZooKeeperServer implements StoreServer {
  readonly clientPort: number;
  readonly #folder: string;
  #process: ManagedProcess | undefined;

  private constructor(folder: string, clientPort: number) {
    this.#folder = folder;
    this.clientPort = clientPort;
  }

  static async start(folder: string): Promise<ZooKeeperServer> {
    const [port = 0] = await freePorts(1);
    const dataDir = join(folder, 'zookeeper');
    mkdirSync(dataDir);
    giveToUnprivileged(dataDir);
    const lines = [`dataDir=${dataDir}`, `clientPort=${port}`, 'clientPortAddress=127.0.0.1', 'tickTime=500', 'maxSessionTimeout=60000'];
    writeFileSync(join(folder, 'zoo.cfg'), `${lines.join('\n')}\n`);
    const server = new ZooKeeperServer(folder, port);
    await server.start();
    return server;
  }

  get section(): Readonly<Record<string, unknown>> {
    return { zookeeper: { hosts: [`127.0.0.1:${this.clientPort}`] } };
  }

  async start(): Promise<void> {
    const args = zookeeperArguments(JARS, join(this.#folder, 'zoo.cfg'));
    this.#process = new ManagedProcess('java', args, { logFile: join(this.#folder, 'zookeeper.log'), cwd: this.#folder });
    await waitFor('ZooKeeper serves', async () => (await modeOf(this.clientPort)) !== undefined, 60_000);
  }

  async stop(): Promise<void> {
    this.#process?.signal('SIGCONT');
    await this.#process?.stop('SIGTERM', 10_000);
  }

  freeze(): void {
    this.#process?.signal('SIGSTOP');
    if (this.#process?.isRunning) untilStopped(this.#process.pid);
  }

  thaw(): void {
    this.#process?.signal('SIGCONT');
  }

  get log(): ManagedProcess | undefined {
    return this.#process;
  }
}
