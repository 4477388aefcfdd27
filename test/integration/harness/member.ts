import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentKind, program } from './implementations.js';
import { ManagedProcess } from './managed-process.js';
import { processTree } from './process-tree.js';
import { httpGet } from './rest.js';
import { waitFor } from './wait.js';

export interface MemberOptions {
  readonly kind: AgentKind;
  readonly checkout: string;
  readonly folder: string;
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Of the agent, beside the test's. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What GET /patroni tells, as far as tests ask. */
export interface MemberStatus {
  readonly state: string;
  readonly role: string;
  readonly timeline?: number;
  readonly pending_restart?: boolean;
  readonly postmaster_start_time?: string;
  readonly replication_state?: string;
}

/** One member: an agent and the PostgreSQL that it runs. The agent can go and come back; the data stay. */
export class Member {
  readonly options: MemberOptions;
  readonly configFile: string;
  #agent: ManagedProcess | undefined;
  #kind: AgentKind;

  constructor(options: MemberOptions) {
    this.options = options;
    this.#kind = options.kind;
    this.configFile = join(options.folder, `${options.name}.yml`);
    // JSON is YAML, and both implementations read it.
    writeFileSync(this.configFile, JSON.stringify(options.configuration, undefined, 2));
  }

  get name(): string {
    return this.options.name;
  }

  get port(): number {
    return this.options.port;
  }

  get restPort(): number {
    return this.options.restPort;
  }

  get dataDir(): string {
    return join(this.options.folder, 'data', this.name);
  }

  get agent(): ManagedProcess {
    if (this.#agent === undefined) throw new Error(`${this.name} was never started`);
    return this.#agent;
  }

  /** Which implementation runs it, or did last. */
  get kind(): AgentKind {
    return this.#kind;
  }

  /** @param kind changes the implementation; the configuration stays. */
  startAgent(kind = this.#kind): void {
    if (this.#agent?.isRunning) return;
    this.#kind = kind;
    const { checkout, folder, environment } = this.options;
    const { command, args, env } = program(kind, 'patroni', checkout);
    const options = { logFile: join(folder, `${this.name}.log`), cwd: folder, env: { ...environment, ...env } };
    this.#agent = new ManagedProcess(command, [...args, this.configFile], options);
  }

  /** SIGTERM: the agent stops its PostgreSQL and hands over. */
  async stopAgent(signal: NodeJS.Signals = 'SIGTERM', limitMs = 60_000): Promise<void> {
    await this.#agent?.stop(signal, limitMs);
  }

  /** The postmaster's process id, from its lock file; undefined without one or when that process is gone. */
  postmasterPid(): number | undefined {
    const file = join(this.dataDir, 'postmaster.pid');
    if (!existsSync(file)) return undefined;
    const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
    return pid > 0 && isPostmasterOf(pid, this.dataDir) ? pid : undefined;
  }

  /** SIGKILL to the postmaster alone, as the kernel does when memory is short. */
  killPostmaster(): void {
    const pid = this.postmasterPid();
    if (pid === undefined) throw new Error(`${this.name} has no postmaster to kill`);
    process.kill(pid, 'SIGKILL');
  }

  /** What a power failure leaves: nothing. Agent, postmaster and its children end in one go. */
  kill(): void {
    this.#agent?.signal('SIGKILL');
    this.killServer();
  }

  /** Postmaster and children in one go. After `killPostmaster` a backend may still acknowledge a row that no standby gets any more. */
  killServer(): void {
    const postmaster = this.postmasterPid();
    for (const pid of postmaster === undefined ? [] : processTree(postmaster)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  async status(): Promise<MemberStatus> {
    return JSON.parse((await httpGet(this.restPort, '/patroni')).body) as MemberStatus;
  }

  async isHealthy(path: string): Promise<boolean> {
    return (await httpGet(this.restPort, path)).status === 200;
  }

  /** Stops agent and PostgreSQL for good. */
  async remove(): Promise<void> {
    await this.stopAgent('SIGTERM', 25_000);
    const pid = this.postmasterPid();
    if (pid === undefined) return;
    process.kill(pid, 'SIGQUIT');
    await waitFor(`${this.name}'s PostgreSQL ends`, () => this.postmasterPid() === undefined, 15_000);
  }
}

function isPostmasterOf(pid: number, dataDir: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (!existsSync('/proc')) return true;
  try {
    // A process id may have been given to somebody else since.
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.includes(dataDir) || commandLine.includes('postgres');
  } catch {
    return false;
  }
}
