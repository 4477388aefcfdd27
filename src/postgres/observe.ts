import { isStarting } from '../cluster/postgres-state.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { PostgresObservation } from '../ports/postgres.js';
import type { ControlDataReader } from './control-data/control-data.js';
import { hasRecoveryConfiguration, inaccessibleBecause, isDataDirectoryEmpty } from './control-data/data-directory.js';
import type { ServerProbe } from './probe/server-probe.js';
import { type FileGuard, FilesUnavailable } from './process/file-guard.js';
import type { InstanceState } from './process/instance-state.js';
import type { Lifecycle } from './process/lifecycle.js';
import type { ServerProcess } from './process/server-process.js';
import { ConnectionProblem, QUERY_CANCELED, QueryFailed } from './query/errors.js';
import type { Heartbeat } from './query/heartbeat.js';
import { type ReceiverFacts, readStatusAnswer } from './query/status-answer.js';
import { statusQuery } from './query/status-query.js';
import type { ServerConfiguration } from './server-configuration.js';

export interface ObserverParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly files: FileGuard;
  readonly server: ServerProcess;
  readonly state: InstanceState;
  readonly heartbeat: Heartbeat;
  readonly control: ControlDataReader;
  readonly lifecycle: Lifecycle;
  readonly configuration: ServerConfiguration;
  readonly probe: ServerProbe;
  readonly dataDir: () => string;
  readonly majorVersion: () => Promise<number>;
  readonly isTakenOver: () => boolean;
  readonly hasRestoreCommand: () => boolean;
  /** The system identifier is not read while a cluster is being created. */
  readonly maySystemIdBeRead: () => boolean;
}

type DirectoryFacts = Pick<PostgresObservation, 'dataDirectory' | 'majorVersion' | 'hasRecoveryConfiguration' | 'systemId'>;
type Status = PostgresObservation['status'];

/** A probe of the local server that takes longer than this has found nothing. */
const PROBE_LIMIT_MS = 1000;

/** Takes observations. Every step has a part of the time limit; what does not answer in time is told as such. */
export class Observer {
  private readonly parts: ObserverParts;
  private systemId: string | undefined;
  private lastDirectory: DirectoryFacts | undefined;
  /** What the WAL receiver used at the last look. */
  receiver: ReceiverFacts | undefined;

  constructor(parts: ObserverParts) {
    this.parts = parts;
  }

  /** After the data directory was made anew. */
  forgetSystemId(): void {
    this.systemId = undefined;
  }

  async observe(timeoutMs: number, withSynchronousState: boolean): Promise<PostgresObservation> {
    const { clock } = this.parts;
    const begin = clock.monotonic();
    const deadline = begin + timeoutMs;
    const directory = await this.directory();
    const { dataDirectory } = directory;
    const isSilent = dataDirectory.kind === 'inaccessible' && dataDirectory.isSilent === true;
    this.parts.probe.noteDirectory(begin, isSilent ? dataDirectory.error : undefined);
    this.parts.probe.touch();
    // Before the server is asked: a position from after the cut is final, one from before it is not.
    const { isCutOff } = this.parts.state;
    const isRunning = await this.findProcess();
    const status = isRunning ? await this.status(deadline, withSynchronousState) : await this.notRunning();
    return { ...this.observation(directory, status), ...(isCutOff ? { isCutOff } : {}) };
  }

  private observation(directory: DirectoryFacts, status: Status): PostgresObservation {
    const { state, server, configuration } = this.parts;
    return {
      ...directory,
      // Asked last: a server that died while it was being asked shows as dead.
      isProcessRunning: server.current() !== undefined,
      state: state.state,
      stateSince: state.stateSince,
      role: state.role,
      status,
      isTakenOver: this.parts.isTakenOver(),
      pendingRestart: configuration.pendingRestart,
      troubles: this.parts.probe.troubles,
    };
  }

  private async findProcess(): Promise<boolean> {
    try {
      return (await this.parts.server.find()) !== undefined;
    } catch (error) {
      if (error instanceof FilesUnavailable || (error instanceof Error && 'code' in error)) {
        return this.parts.server.current() !== undefined;
      }
      throw error;
    }
  }

  private async notRunning(): Promise<Status> {
    const { state } = this.parts;
    if (isStarting(state.state)) await this.checkStartup(PROBE_LIMIT_MS);
    return { kind: 'not-running' };
  }

  private async directory(): Promise<DirectoryFacts> {
    const { files, dataDir } = this.parts;
    const majorVersion = await this.parts.majorVersion().catch(() => 0);
    try {
      const facts = await files.run('data directory', async () => ({
        isEmpty: await isDataDirectoryEmpty(dataDir()),
        hasRecovery: await hasRecoveryConfiguration(dataDir(), majorVersion),
      }));
      this.lastDirectory = {
        dataDirectory: { kind: facts.isEmpty ? 'empty' : 'present' },
        majorVersion,
        hasRecoveryConfiguration: facts.hasRecovery,
        systemId: facts.isEmpty ? undefined : await this.readSystemId(),
      };
      return this.lastDirectory;
    } catch (error) {
      if (!(error instanceof FilesUnavailable) && !(error instanceof Error && 'code' in error)) throw error;
      const last = this.lastDirectory;
      return {
        dataDirectory: {
          kind: 'inaccessible',
          error: inaccessibleBecause(error, dataDir()),
          ...(error instanceof FilesUnavailable ? { isSilent: true } : {}),
        },
        majorVersion: last?.majorVersion ?? majorVersion,
        hasRecoveryConfiguration: last?.hasRecoveryConfiguration ?? false,
        systemId: this.systemId,
      };
    }
  }

  private async readSystemId(): Promise<string | undefined> {
    if (!this.parts.maySystemIdBeRead()) return undefined;
    // Read at each look: in maintenance mode the directory may be replaced behind our back.
    this.systemId = (await this.parts.control.systemIdInFile()) ?? this.systemId ?? (await this.parts.control.systemId());
    return this.systemId;
  }

  /** Two tries within the deadline; a statement that takes too long is not repeated, since the server is alive. */
  private async status(deadline: number, withSynchronousState: boolean): Promise<Status> {
    const { clock, state, log } = this.parts;
    if (isStarting(state.state)) {
      await this.checkStartup(Math.max(1, Math.min(PROBE_LIMIT_MS, deadline - clock.monotonic())));
      if (isStarting(state.state)) return { kind: 'unavailable', error: 'the database system is starting up' };
    }
    let failure = 'no time left';
    for (let attempt = 0; attempt < 2; attempt++) {
      const left = deadline - clock.monotonic();
      if (left <= 0) break;
      try {
        return { kind: 'known', value: await this.withLimit(left, this.ask(left, withSynchronousState)) };
      } catch (error) {
        if (error instanceof QueryFailed) {
          if (error.sqlState !== QUERY_CANCELED) log.error('the status query failed', error);
          return { kind: 'unavailable', error: error.message };
        }
        if (!(error instanceof ConnectionProblem)) throw error;
        failure = error.message;
        if (this.parts.server.current() === undefined) return { kind: 'not-running' };
      }
    }
    await this.noticeRejection(Math.max(1, Math.min(PROBE_LIMIT_MS, deadline - clock.monotonic())));
    return { kind: 'unavailable', error: failure };
  }

  private async checkStartup(limitMs: number): Promise<void> {
    try {
      await this.parts.lifecycle.checkStartup(limitMs);
    } catch (error) {
      // Without the disk nothing can be said of a start.
      if (!(error instanceof FilesUnavailable)) throw error;
    }
  }

  /** Crash recovery: the process lives on and rejects everybody. */
  private async noticeRejection(timeoutMs: number): Promise<void> {
    const { state, lifecycle } = this.parts;
    if (state.state !== 'running') return;
    if ((await lifecycle.probe(timeoutMs)) === 'rejecting' && state.state === 'running') {
      state.setState('starting');
    }
  }

  private async ask(timeoutMs: number, withSynchronousState: boolean): Promise<Extract<Status, { kind: 'known' }>['value']> {
    const { heartbeat, hasRestoreCommand } = this.parts;
    const majorVersion = await this.parts.majorVersion();
    const rows = await heartbeat.query(statusQuery(majorVersion, withSynchronousState), { timeoutMs });
    const row = rows[0];
    if (row === undefined) throw new ConnectionProblem('the status query gave no row');
    const answer = readStatusAnswer(row, { majorVersion, withSynchronousState, hasRestoreCommand: hasRestoreCommand() });
    this.receiver = answer.receiver;
    return answer.status;
  }

  /** Opening the connection has its own, longer limit; it goes on in the background and serves the next look. */
  private withLimit<T>(limitMs: number, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.parts.clock.after(limitMs, () => reject(new ConnectionProblem(`no answer within ${Math.round(limitMs)} ms`)));
      work.then(resolve, reject).finally(cancel);
    });
  }
}
