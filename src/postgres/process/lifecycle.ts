import { isStarting, type PostgresRole } from '../../cluster/postgres-state.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { StartOptions, StartOutcome, StopOptions } from '../../ports/postgres.js';
import type { PostgresSettings } from '../../ports/settings.js';
import type { CallbackAction, Callbacks } from '../callbacks.js';
import type { CancellableRunner } from '../cancellable.js';
import { splitWords } from '../command-line.js';
import type { ControlDataReader } from '../control-data/control-data.js';
import type { Heartbeat } from '../query/heartbeat.js';
import { wasRewindInterrupted } from '../rewind/marker.js';
import type { ServerConfiguration } from '../server-configuration.js';
import type { InstanceState } from './instance-state.js';
import type { Postmaster } from './postmaster-file.js';
import { probe, type Readiness } from './probe.js';
import type { ProcessTable } from './process-table.js';
import type { ServerProcess } from './server-process.js';
import { stopPostmaster } from './stop.js';
import { PLAIN_LOCALE, runTool, toolPath } from './tools.js';

/** pg_ctl only sends a signal. */
const PG_CTL_TIMEOUT_MS = 10_000;

/** Pause between two looks whether a stop may still wait for its checkpoint or `before_stop`. */
const URGENCY_LOOK_MS = 50;

/** Pause between two probes: short at first, since most starts take a moment, longer in a long recovery. */
function probePause(elapsedMs: number): number {
  if (elapsedMs < 3000) return 50;
  return elapsedMs < 30_000 ? 200 : 1000;
}

export interface LifecycleParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly table: ProcessTable;
  readonly server: ServerProcess;
  readonly state: InstanceState;
  readonly heartbeat: Heartbeat;
  readonly control: ControlDataReader;
  readonly configuration: ServerConfiguration;
  readonly callbacks: Callbacks;
  readonly cancellable: CancellableRunner;
  readonly settings: () => PostgresSettings;
  readonly clusterName: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly majorVersion: () => Promise<number>;
  readonly roleOnDisk: () => Promise<PostgresRole>;
  readonly checkpoint: (timeoutMs: number | undefined) => Promise<boolean>;
  readonly areCallbacksBlocked: () => boolean;
  /** Tidies the data directory up for a start. */
  readonly beforeSpawn: () => Promise<void>;
  readonly isCustomBootstrap: () => boolean;
  readonly onReady: () => void;
}

/**
 * Start, stop, restart, reload and promotion of the local server (postgres.md §3–§6).
 *
 * stopped → starting → running | start failed; running → stopping → stopped | stop failed; restarting covers a stop and
 * leads to starting. `starting` ends in `checkStartup` only, which the agent's every look calls as well, so that a start that
 * outlives its time-out is still completed, with its callback.
 */
export class Lifecycle {
  private readonly parts: LifecycleParts;
  /** There is no process yet, and that is no failure. */
  private isSpawning = false;

  constructor(parts: LifecycleParts) {
    this.parts = parts;
  }

  async start(
    options: StartOptions,
    callback: 'on_start' | 'on_restart' | 'none' = options.quiet ? 'none' : 'on_start',
  ): Promise<StartOutcome> {
    const { clock, log, server, state, heartbeat } = this.parts;
    heartbeat.close();
    if ((await server.find()) !== undefined) {
      log.error('Cannot start PostgreSQL because one is already running.');
      state.setState('starting');
      return 'ready';
    }
    const begin = clock.monotonic();
    state.isCutOff = false;
    this.isSpawning = true;
    let spawned: Postmaster | StartOutcome;
    try {
      state.setPendingCallback(callback);
      state.role = options.role ?? (await this.parts.roleOnDisk());
      state.setState(this.parts.isCustomBootstrap() ? 'starting after custom bootstrap' : 'starting');
      spawned = await this.spawn(options);
    } finally {
      this.isSpawning = false;
    }
    return typeof spawned === 'string' ? spawned : this.waitUntilReady(spawned, begin, options.timeoutMs);
  }

  private async spawn(options: StartOptions): Promise<Postmaster | StartOutcome> {
    const { log, server, state, cancellable } = this.parts;
    if (await wasRewindInterrupted(this.parts.settings().dataDir)) {
      log.error('Start refused: a rewind of this data directory broke off half-way, it has to be rebuilt');
      state.setState('start failed');
      return 'failed';
    }
    await this.parts.beforeSpawn();
    const argv = await this.prepare();
    if (argv === undefined) return 'pending';
    if (cancellable.isCancelled) return 'failed';
    if (options.interlock?.isCancelled) {
      log.info('PostgreSQL start cancelled.');
      return 'failed';
    }
    return (await server.spawn(argv, this.parts.environment)) ?? 'failed';
  }

  async stop(options: StopOptions, isRestart = false): Promise<boolean> {
    const { server, state, heartbeat, log } = this.parts;
    const postmaster = await server.find();
    if (postmaster === undefined) {
      options.onSafepoint?.();
      if (!isRestart) state.setState('stopped');
      return true;
    }
    await this.checkpointBefore(options);
    if (!isRestart) state.setState('stopping');
    await this.runBeforeStop(options);
    const isStopped = await stopPostmaster(postmaster, options, {
      ...this.parts,
      isSessionOpen: () => heartbeat.isOpen,
      closeSession: () => heartbeat.close(),
      clusterState: () => this.parts.control.clusterState(),
      shutdownPositions: () => this.parts.control.shutdownPositions(),
    });
    if (!isStopped) {
      log.warning('pg_ctl stop failed');
      state.setState('stop failed');
      return false;
    }
    if (isRestart) return true;
    state.setState('stopped');
    if (!options.quiet) this.fire('on_stop');
    return true;
  }

  private async checkpointBefore(options: StopOptions): Promise<void> {
    if (!options.checkpoint || isStarting(this.parts.state.state) || this.mustSignal(options)) return;
    if (!(await this.hasEnded(this.parts.checkpoint(options.timeoutMs), options)))
      this.parts.log.warning('the checkpoint before the stop is not waited for any longer');
  }

  /** Until the signal the server takes writes: a script that hangs must not keep it a primary beyond its lease. */
  private async runBeforeStop(options: StopOptions): Promise<void> {
    const command = this.parts.settings().beforeStop;
    if (!command) return;
    if (this.mustSignal(options)) return this.parts.log.warning('before_stop is not run: the server must be stopped now');
    const end = new AbortController();
    if (await this.hasEnded(this.runHook('before_stop', command, end.signal), options)) return;
    this.parts.log.warning('before_stop is ended: the server must be stopped now');
    end.abort();
  }

  /** Waits for `work`. @returns false when the signal had to be sent before its end. */
  private async hasEnded(work: Promise<unknown>, options: StopOptions): Promise<boolean> {
    const { clock, log } = this.parts;
    let isDone = false;
    const end = work
      .catch((error: unknown) => log.error('the preparation of a stop failed', error))
      .then(() => {
        isDone = true;
      });
    while (!isDone && !this.mustSignal(options)) await Promise.race([end, clock.sleep(URGENCY_LOOK_MS)]);
    return isDone;
  }

  private mustSignal({ signalBy }: StopOptions): boolean {
    const { clock, cancellable } = this.parts;
    return cancellable.isCancelled || (signalBy !== undefined && clock.monotonic() >= signalBy());
  }

  async restart(options: StartOptions): Promise<StartOutcome> {
    const { state, log } = this.parts;
    state.setState('restarting');
    const isStopped = await this.stop({ mode: 'fast', checkpoint: true, quiet: true }, true);
    const outcome = isStopped ? await this.start(options, options.quiet ? 'none' : 'on_restart') : 'failed';
    if (outcome !== 'ready' && !isStarting(state.state)) {
      log.warning(`restart failed (${isStopped ? state.state : 'the server could not be stopped'})`);
      state.setState('restart failed');
    }
    return outcome;
  }

  /** `pg_ctl reload`; `isQuiet`: without callback. */
  async reload(isQuiet = false): Promise<boolean> {
    const isDone = await this.pgCtl('reload');
    if (isDone && !isQuiet) this.fire('on_reload');
    return isDone;
  }

  /** True when it exits 0 or is not configured. */
  async runPrePromote(): Promise<boolean> {
    return this.runHook('pre_promote', this.parts.settings().prePromote);
  }

  async promote(timeoutMs: number): Promise<'promoted' | 'requested' | 'failed'> {
    const { state, clock, control, cancellable, log } = this.parts;
    if (state.role === 'promoted' || state.role === 'primary') return 'promoted';
    if (cancellable.isCancelled) {
      log.info('PostgreSQL promote cancelled.');
      return 'failed';
    }
    if (!(await this.pgCtl('promote', '-W'))) return 'failed';
    state.role = 'promoted';
    this.fire('on_role_change');
    const deadline = clock.monotonic() + timeoutMs;
    for (;;) {
      if ((await control.clusterState()) === 'in production') {
        state.role = 'primary';
        return 'promoted';
      }
      if (cancellable.isCancelled || clock.monotonic() >= deadline) return 'requested';
      await clock.sleep(20);
    }
  }

  probe(timeoutMs?: number): Promise<Readiness> {
    return probe(this.parts.configuration.localTarget(), this.parts.clock, timeoutMs);
  }

  /**
   * Moves `starting` on when the server became ready or its process has gone (postgres.md §4.2).
   * @returns true when the state changed.
   */
  async checkStartup(probeTimeoutMs?: number): Promise<boolean> {
    const { state, server, log } = this.parts;
    if (this.isSpawning) return false;
    const readiness = await this.probe(probeTimeoutMs);
    const isRunning = (await server.find()) !== undefined;
    if (this.isSpawning || !isStarting(state.state)) return false;
    // What accepts connections without a process of ours is somebody else on our port.
    if (!isRunning) {
      state.setState('start failed');
      await this.saveFiles();
      return true;
    }
    if (readiness !== 'accepting') return false;
    state.setState('running');
    const callback = state.takePendingCallback();
    if (callback !== undefined) this.fire(callback);
    this.parts.onReady();
    await this.saveFiles();
    log.debug(`server is ready, process ${server.current()?.pid}`);
    return true;
  }

  fire(action: CallbackAction): void {
    if (!this.parts.areCallbacksBlocked()) this.parts.callbacks.call(action, this.parts.state.role);
  }

  private async saveFiles(): Promise<void> {
    try {
      await this.parts.configuration.saveFiles();
    } catch (error) {
      this.parts.log.error('unable to create backup copies of configuration files', error);
    }
  }

  private async prepare(): Promise<readonly string[] | undefined> {
    const { state, configuration, control, settings, log } = this.parts;
    if ((await this.parts.majorVersion()) === 0) return undefined;
    try {
      return [toolPath(settings(), 'postgres'), ...(await configuration.prepareStart(state.role, () => control.read()))];
    } catch (error) {
      log.error('the configuration for the start could not be written', error);
      return undefined;
    }
  }

  private async waitUntilReady(postmaster: Postmaster, begin: number, timeoutMs: number | undefined): Promise<StartOutcome> {
    const { clock, server, state, log, cancellable, settings } = this.parts;
    const limit = timeoutMs === undefined || timeoutMs <= 0 ? settings().pgCtlTimeout * 1000 : timeoutMs;
    let hasAnswered = false;
    for (;;) {
      if (cancellable.isCancelled) return hasAnswered ? 'pending' : 'failed';
      if (!server.isAlive(postmaster)) {
        log.error('postmaster is not running');
        if (isStarting(state.state)) state.setState('start failed');
        return 'failed';
      }
      const readiness = await this.probe();
      hasAnswered ||= readiness !== 'no-response';
      if (readiness === 'accepting') {
        await this.checkStartup();
        if (!isStarting(state.state)) return state.state === 'running' ? 'ready' : 'failed';
      }
      const elapsed = clock.monotonic() - begin;
      if (elapsed > limit) {
        if (!hasAnswered) log.warning('Timed out waiting for PostgreSQL to start');
        return hasAnswered && timeoutMs === undefined ? 'pending' : 'failed';
      }
      await clock.sleep(probePause(elapsed));
    }
  }

  private async pgCtl(command: string, ...options: string[]): Promise<boolean> {
    const settings = this.parts.settings();
    const env = { ...this.parts.environment, ...PLAIN_LOCALE };
    const argv = [command, '-D', settings.dataDir, ...options];
    const result = await runTool(toolPath(settings, 'pg_ctl'), argv, { env, timeoutMs: PG_CTL_TIMEOUT_MS });
    if (result.code !== 0) this.parts.log.error(`pg_ctl ${command} failed: ${result.stderr.trim()}`);
    return result.code === 0;
  }

  private async runHook(name: string, command: string | undefined, signal?: AbortSignal): Promise<boolean> {
    const { log, cancellable } = this.parts;
    if (!command) return true;
    const argv = splitWords(command);
    if (argv === undefined) {
      log.error(`${name}: unbalanced quotes in the command`);
      return false;
    }
    const outcome = await cancellable.run(argv, signal === undefined ? {} : { signal });
    if (outcome.kind === 'exited' && outcome.exitCode === 0) return true;
    log.warning(`${name} script ${outcome.kind === 'exited' ? `exited with ${outcome.exitCode}` : `was ${outcome.kind}`}`);
    return false;
  }
}
