import type { Lsn } from '../../base/lsn.js';
import { formatLsn } from '../../base/lsn.js';
import type { Log } from '../../ports/log.js';
import type { ControlData, ShutdownPositions } from '../../ports/postgres.js';
import type { PostgresSettings } from '../../ports/settings.js';
import { type FileGuard, FilesUnavailable } from '../process/file-guard.js';
import { PLAIN_LOCALE, runTool, type ToolResult, toolPath } from '../process/tools.js';
import { readControlFileHead } from './control-file.js';
import { parseControlData } from './parse.js';
import { isShutdownCheckpoint, isWalSwitch, parseWalRecord, type WalRecord } from './wal-record.js';

/** The tools read one file or one record; on a hung disk they never end. */
const TOOL_TIMEOUT_MS = 10_000;

export interface ControlDataOptions {
  readonly settings: () => PostgresSettings;
  readonly majorVersion: () => number;
  readonly files: FileGuard;
  readonly log: Log;
}

/** What the data directory tells without a server: pg_control and single WAL records. */
export class ControlDataReader {
  private readonly options: ControlDataOptions;

  constructor(options: ControlDataOptions) {
    this.options = options;
  }

  /** pg_controldata; undefined when it can't be read. */
  async read(): Promise<ControlData | undefined> {
    const settings = this.options.settings();
    const result = await this.tool('pg_controldata', [settings.dataDir], settings);
    const data = result === undefined ? undefined : parseControlData(result.stdout);
    if (data === undefined && result !== undefined) this.options.log.error(`Error when calling pg_controldata: ${result.stderr.trim()}`);
    return data;
  }

  /** `Database cluster state`, cheap enough to poll; by the tool where the file's layout is not known. */
  async clusterState(): Promise<string | undefined> {
    const head = await this.head();
    return head === undefined ? (await this.read())?.clusterState : head.state;
  }

  /** The same without a process; undefined when the file can't be read that way. */
  async systemIdInFile(): Promise<string | undefined> {
    return (await this.head())?.systemId;
  }

  async systemId(): Promise<string | undefined> {
    const head = await this.head();
    return head === undefined ? (await this.read())?.systemId : head.systemId;
  }

  /**
   * Where a cleanly stopped primary ended (postgres.md §11.3). With archiving a WAL switch precedes the shutdown checkpoint,
   * and a replica that has everything up to the switch lacks nothing. In doubt the checkpoint itself is taken.
   */
  async shutdownPositions(): Promise<ShutdownPositions | undefined> {
    const data = await this.read();
    if (data === undefined || data.clusterState !== 'shut down') return undefined;
    const checkpoint = data.checkpointLsn;
    const record = await this.walRecord(data.checkpointTimeline, checkpoint);
    if (record === undefined || record.lsn !== checkpoint || !isShutdownCheckpoint(record)) return { checkpoint, previous: checkpoint };
    const before = await this.walRecord(data.checkpointTimeline, record.previous);
    const isSwitch = before !== undefined && before.lsn === record.previous && isWalSwitch(before);
    return { checkpoint, previous: isSwitch ? record.previous : checkpoint };
  }

  /** One record by pg_waldump; undefined when it says anything on standard error. */
  async walRecord(timeline: number, lsn: Lsn): Promise<WalRecord | undefined> {
    const settings = this.options.settings();
    const tool = this.options.majorVersion() >= 100_000 ? 'pg_waldump' : 'pg_xlogdump';
    const argv = ['-t', String(timeline), '-s', formatLsn(lsn), '-n', '1'];
    const result = await this.tool(tool, argv, settings);
    return result === undefined || result.stderr !== '' ? undefined : parseWalRecord(result.stdout);
  }

  private async head(): ReturnType<typeof readControlFileHead> {
    const { files, settings } = this.options;
    try {
      return await files.run('pg_control', () => readControlFileHead(settings().dataDir));
    } catch (error) {
      if (error instanceof FilesUnavailable) return undefined;
      throw error;
    }
  }

  private async tool(name: string, argv: readonly string[], settings: PostgresSettings): Promise<ToolResult | undefined> {
    const env = { ...process.env, ...PLAIN_LOCALE, PGDATA: settings.dataDir };
    const action = (): Promise<ToolResult> =>
      runTool(toolPath(settings, name), argv, { env, cwd: settings.dataDir, timeoutMs: TOOL_TIMEOUT_MS });
    try {
      return await this.options.files.run(name, action, TOOL_TIMEOUT_MS + 1000);
    } catch (error) {
      if (!(error instanceof FilesUnavailable)) throw error;
      this.options.log.error(error.message);
      return undefined;
    }
  }
}
