import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { FileGuard } from './file-guard.js';
import { type Postmaster, parsePostmasterFile, type Recognised, recognise } from './postmaster-file.js';
import { descendants, type ProcessTable, type SignalOutcome, signalProcess } from './process-table.js';
import { serverEnvironment, spawnDetached } from './spawn.js';

/** How often the process is looked at, in milliseconds: one read of procfs, so that a crash is noticed at once. */
const WATCH_MS = 200;

/** Pause between two looks while something ends. */
const WAIT_STEP_MS = 20;

/** SIGKILL can't be refused, but a process in an uninterruptible disk wait ends only after it. */
const KILL_WAIT_MS = 10_000;

export interface ServerProcessOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly table: ProcessTable;
  readonly files: FileGuard;
  readonly dataDir: string;
  readonly binaryName: string;
  /** The postmaster that we knew is gone. */
  readonly onEnded: () => void;
}

/** Our postmaster as a process: found, started, watched, signalled. It never signals a pid whose start time changed. */
export class ServerProcess {
  private readonly options: ServerProcessOptions;
  private known: Postmaster | undefined;
  private spawned: Postmaster | undefined;
  /** A spawn under way: whoever must kill its result waits for it. */
  private spawning: Promise<Postmaster | undefined> | undefined;
  private stopWatching: (() => void) | undefined;
  private isClosed = false;

  constructor(options: ServerProcessOptions) {
    this.options = options;
  }

  /** The postmaster that is known to run; reads no file. */
  current(): Postmaster | undefined {
    if (this.known === undefined) return undefined;
    if (this.options.table.isAlive(this.known)) return this.known;
    this.forget();
    return undefined;
  }

  /** As `current`, else by the pid file. @throws FilesUnavailable when the disk hangs. */
  async find(): Promise<Postmaster | undefined> {
    const current = this.current();
    if (current !== undefined) return current;
    const found = await this.lookUp();
    if (found.kind !== 'ours') return undefined;
    this.remember(found.postmaster);
    return found.postmaster;
  }

  /**
   * Starts the server with `argv`, its binary first.
   * @returns undefined when the binary can't be executed or ended at once.
   */
  spawn(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<Postmaster | undefined> {
    this.spawned = undefined;
    this.spawning = this.spawnNow(argv, environment);
    return this.spawning;
  }

  private async spawnNow(
    argv: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
  ): Promise<Postmaster | undefined> {
    const { clock, log, table } = this.options;
    const occupant = await this.lookUp();
    // A dead postmaster that nobody reaps (a container without init) would keep the server from starting as well. The check
    // of the shared memory, which protects against backends that are left, is not affected.
    const isInTheWay = occupant.kind === 'foreign' || (occupant.pid !== undefined && table.isZombie(occupant.pid));
    const foreignPid = isInTheWay ? occupant.pid : undefined;
    if (foreignPid !== undefined) log.info(`Telling pg_ctl that it is safe to ignore postmaster.pid for process ${foreignPid}`);
    const pid = await spawnDetached(argv, serverEnvironment(environment, foreignPid), clock);
    if (pid === undefined) return undefined;
    log.info(`postmaster pid=${pid}`);
    const facts = table.facts(pid);
    if (facts === undefined) return undefined;
    const postmaster = { pid, startedAt: facts.startedAt, isSingleUser: false };
    this.spawned = postmaster;
    this.remember(postmaster);
    return postmaster;
  }

  signal(postmaster: Postmaster, signal: NodeJS.Signals): SignalOutcome {
    return signalProcess(this.options.table, postmaster, signal);
  }

  isAlive(postmaster: Postmaster): boolean {
    return this.options.table.isAlive(postmaster);
  }

  /** True when it is gone within `timeoutMs` (undefined: waits for ever). */
  async waitForEnd(postmaster: Postmaster, timeoutMs: number | undefined): Promise<boolean> {
    const { clock } = this.options;
    const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + timeoutMs;
    while (this.isAlive(postmaster)) {
      const left = deadline - clock.monotonic();
      if (left <= 0) return false;
      await clock.sleep(Math.min(WAIT_STEP_MS, left));
    }
    this.current();
    return true;
  }

  /**
   * Kills the postmaster with all its descendants. It is stopped first so that it can't fork while we look: backends that
   * outlive it would go on writing.
   * @returns `killed`: some still wait for a disk that does not answer. The kernel ends them before they run another instruction
   * of their own, so that none of them can acknowledge anything. `refused`: they may not be signalled.
   */
  async killTree(postmaster: Postmaster): Promise<'gone' | 'killed' | 'refused'> {
    const { table, clock } = this.options;
    if (this.signal(postmaster, 'SIGSTOP') === 'gone') return 'gone';
    const children = descendants(table, postmaster.pid);
    if (this.signal(postmaster, 'SIGKILL') === 'not-permitted') return 'refused';
    for (const child of children) signalProcess(table, child, 'SIGKILL');
    const deadline = clock.monotonic() + KILL_WAIT_MS;
    while ([postmaster, ...children].some((one) => table.isAlive(one))) {
      if (clock.monotonic() >= deadline) return 'killed';
      await clock.sleep(WAIT_STEP_MS);
    }
    this.current();
    return 'gone';
  }

  /**
   * Ends the server of the last `spawn`, whether or not it wrote its pid file yet. The signal is repeated: a process that has
   * just been started ignores it until the server installs its handlers.
   */
  async killSpawned(): Promise<void> {
    await this.spawning?.catch(() => undefined);
    const postmaster = this.spawned;
    if (postmaster === undefined) return;
    const { clock } = this.options;
    const deadline = clock.monotonic() + KILL_WAIT_MS;
    while (this.isAlive(postmaster) && clock.monotonic() < deadline) {
      this.signal(postmaster, 'SIGQUIT');
      await clock.sleep(WAIT_STEP_MS * 5);
    }
    if (this.isAlive(postmaster)) await this.killTree(postmaster);
    this.current();
  }

  close(): void {
    this.isClosed = true;
    this.stopWatching?.();
  }

  private async lookUp(): Promise<Recognised & { readonly pid?: number }> {
    const { files, table, dataDir, binaryName } = this.options;
    const content = await files.run('postmaster.pid', () => readIfThere(join(dataDir, 'postmaster.pid')));
    const file = content === undefined ? undefined : parsePostmasterFile(content);
    if (file === undefined) return { kind: 'gone' };
    const realDataDir = await files.run('data directory', () => realpath(dataDir).catch(() => undefined));
    const found = recognise(file, { table, ownPid: process.pid, ownParent: process.ppid, binaryName, realDataDir });
    return { ...found, pid: file.pid };
  }

  private remember(postmaster: Postmaster): void {
    this.known = postmaster;
    this.watch();
  }

  private watch(): void {
    this.stopWatching?.();
    if (this.isClosed) return;
    this.stopWatching = this.options.clock.after(WATCH_MS, () => {
      if (this.current() !== undefined) this.watch();
    });
  }

  private forget(): void {
    this.known = undefined;
    this.stopWatching?.();
    this.options.onEnded();
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}
