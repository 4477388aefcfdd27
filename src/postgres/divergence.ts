import type { Lsn } from '../base/lsn.js';
import { parseLsn } from '../base/lsn.js';
import { isStarting } from '../cluster/postgres-state.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { LeaderTimelines, LocalPosition, RewindOutcome, Upstream } from '../ports/postgres.js';
import type { PostgresSettings } from '../ports/settings.js';
import type { CancellableRunner } from './cancellable.js';
import type { ControlDataReader } from './control-data/control-data.js';
import { walDirectory } from './control-data/data-directory.js';
import type { InstanceState } from './process/instance-state.js';
import type { Lifecycle } from './process/lifecycle.js';
import type { ProcessTable } from './process/process-table.js';
import type { ServerProcess } from './process/server-process.js';
import { toolPath } from './process/tools.js';
import { ConnectionProblem, QueryFailed } from './query/errors.js';
import type { Heartbeat } from './query/heartbeat.js';
import { archiveReadyWal, archiveSegment } from './rewind/archive-ready.js';
import { hasRewindableBlocks, isRewindInstalled } from './rewind/can-rewind.js';
import { checkRewindSource, leaderTimelines, proofFor, type RewindSource } from './rewind/leader.js';
import { localPosition } from './rewind/local-position.js';
import { wasRewindInterrupted } from './rewind/marker.js';
import { checkpointRecordEnd } from './rewind/record-end.js';
import { type RestoreCommand, rewind } from './rewind/rewind.js';
import { singleUserRecovery } from './rewind/single-user.js';
import type { ServerConfiguration } from './server-configuration.js';

export interface DivergenceParts {
  readonly settings: () => PostgresSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly state: InstanceState;
  readonly server: ServerProcess;
  readonly table: ProcessTable;
  readonly lifecycle: Lifecycle;
  readonly heartbeat: Heartbeat;
  readonly control: ControlDataReader;
  readonly runner: CancellableRunner;
  readonly configuration: ServerConfiguration;
  readonly majorVersion: () => Promise<number>;
  readonly replicaTimeline: () => Promise<number | undefined>;
}

/** What is done about a data directory whose history may differ from the leader's (postgres.md §21, §22). */
export class Divergence {
  private readonly parts: DivergenceParts;

  constructor(parts: DivergenceParts) {
    this.parts = parts;
  }

  async canRewind(): Promise<boolean> {
    const settings = this.parts.settings();
    if (!settings.usePgRewind || !(await this.hasUsableBlocks())) return false;
    return isRewindInstalled(toolPath(settings, 'pg_rewind'), this.parts.clock);
  }

  async localPosition(): Promise<LocalPosition | 'half-rewound' | undefined> {
    const { server, state, control } = this.parts;
    const isRunning = (await server.find()) !== undefined;
    if (!isRunning && (await wasRewindInterrupted(this.parts.settings().dataDir))) return 'half-rewound';
    let running: { timeline: number | undefined; replayLsn: Lsn | undefined } | undefined;
    if (isRunning) {
      // The position first: one that is read after the timeline may lie on the next timeline already, and would look diverged.
      const replayLsn = await this.replayLsn();
      running = { replayLsn, timeline: await this.parts.replicaTimeline() };
    }
    return localPosition(running, { isStarting: isStarting(state.state), controlData: await control.read() });
  }

  async leaderTimelines(leader: Upstream): Promise<LeaderTimelines> {
    const source = this.source(leader);
    return source === undefined
      ? { kind: 'unreachable', error: `${leader.name} has no connection URL` }
      : leaderTimelines({ ...source, systemId: await this.parts.control.systemId() }, this.parts.clock);
  }

  async checkpointRecordEnd(timeline: number, lsn: Lsn): Promise<Lsn | undefined> {
    const { clock, log } = this.parts;
    const settings = this.parts.settings();
    const tool = (await this.parts.majorVersion()) >= 100_000 ? 'pg_waldump' : 'pg_xlogdump';
    return checkpointRecordEnd({ pgWaldump: toolPath(settings, tool), dataDir: settings.dataDir, timeline, lsn }, { clock, log });
  }

  async rewind(leader: Upstream): Promise<RewindOutcome> {
    const { configuration, lifecycle, runner, log, clock } = this.parts;
    const settings = this.parts.settings();
    const source = this.source(leader);
    if (source === undefined) return { kind: 'not-now', reason: `${leader.name} has no connection URL` };
    const majorVersion = await this.parts.majorVersion();
    const host = source.parameters['host'] ?? '';
    // With several hosts the tool must find the primary among them by itself.
    const parameters = host.includes(',') ? { ...source.parameters, target_session_attrs: 'read-write' } : source.parameters;
    const tool = await configuration.toolConnection(parameters);
    return rewind(
      {
        pgRewind: toolPath(settings, 'pg_rewind'),
        dataDir: settings.dataDir,
        configDir: settings.configDir,
        configFile: `${settings.configDir}/${settings.configBaseName}.conf`,
        majorVersion,
        options: settings.rewindOptions,
        leaderName: leader.name,
        connectionString: tool.connectionString,
        environment: tool.environment,
      },
      {
        runner,
        clock,
        log,
        stopServer: () => lifecycle.stop({ mode: 'fast', checkpoint: false, quiet: true }),
        archiveReadyWal: async () =>
          archiveReadyWal(walDirectory(settings.dataDir, majorVersion), await this.archiveCommand(), { runner, log }),
        checkSource: () => checkRewindSource(source, proofFor(settings, majorVersion), clock),
        restoreCommand: () => this.restoreCommand(leader),
        canRewind: () => this.hasUsableBlocks(),
      },
    );
  }

  async singleUserRecovery(): Promise<boolean> {
    const { configuration, runner, log } = this.parts;
    const settings = this.parts.settings();
    return singleUserRecovery(
      {
        postgres: toolPath(settings, 'postgres'),
        dataDir: settings.dataDir,
        walDir: walDirectory(settings.dataDir, await this.parts.majorVersion()),
        archiveCommand: await this.archiveCommand(),
      },
      { runner, log, table: this.parts.table, removeRecoveryConfiguration: () => configuration.removeRecovery() },
    );
  }

  async isArchiving(): Promise<boolean> {
    return (await this.archiveCommand()) !== undefined;
  }

  async archiveShutdownCheckpoint(): Promise<boolean> {
    const { control, runner, log, majorVersion } = this.parts;
    const name = (await control.read())?.checkpointRedoWalFile;
    const command = await this.archiveCommand();
    if (name === undefined || command === undefined) return false;
    return archiveSegment(walDirectory(this.parts.settings().dataDir, await majorVersion()), name, command, { runner, log });
  }

  /** The files of a former primary lack it, because it was written for no standby: then ours counts. */
  private async restoreCommand(leader: Upstream): Promise<RestoreCommand | undefined> {
    const isSetting = (await this.parts.majorVersion()) >= 120_000;
    const configured = isSetting ? await this.parts.configuration.effectiveValue('restore_command') : undefined;
    if (configured !== undefined) return { command: configured, isConfigured: true };
    const command = await this.parts.configuration.restoreCommand(leader);
    return command ? { command, isConfigured: false } : undefined;
  }

  private async hasUsableBlocks(): Promise<boolean> {
    const data = await this.parts.control.read();
    return data !== undefined && hasRewindableBlocks(data);
  }

  private async archiveCommand(): Promise<string | undefined> {
    const mode = await this.parts.configuration.effectiveValue('archive_mode');
    return mode === 'on' || mode === 'always' ? this.parts.configuration.effectiveValue('archive_command') : undefined;
  }

  private source(leader: Upstream): RewindSource | undefined {
    const { configuration } = this.parts;
    const parameters = configuration.remoteTarget(leader, 'rewind');
    const replication = configuration.remoteTarget(leader, 'replication');
    return parameters === undefined || replication === undefined ? undefined : { name: leader.name, parameters, replication };
  }

  private async replayLsn(): Promise<Lsn | undefined> {
    const name = (await this.parts.majorVersion()) >= 100_000 ? 'pg_last_wal_replay_lsn' : 'pg_last_xlog_replay_location';
    try {
      const rows = await this.parts.heartbeat.query(`SELECT pg_catalog.${name}() AS lsn WHERE pg_catalog.pg_is_in_recovery()`);
      return parseLsn(rows[0]?.['lsn'] ?? '');
    } catch (error) {
      if (error instanceof ConnectionProblem || error instanceof QueryFailed) return undefined;
      throw error;
    }
  }
}
