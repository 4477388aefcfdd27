import { join } from 'node:path';
import { assert } from '../../base/assert.js';
import { formatLsn, type Lsn } from '../../base/lsn.js';
import { parseInteger } from '../../base/python-values.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { AdvanceOutcome, LeaderSlots, LogicalSlotDefinition, LogicalSlots, SlotCopy } from '../../ports/logical-slots.js';
import type { Upstream } from '../../ports/postgres.js';
import { connect } from '../query/connect.js';
import { ConnectionProblem, QueryFailed } from '../query/errors.js';
import { quoteLiteral, type Session } from '../query/session.js';
import type { ServerConfiguration } from '../server-configuration.js';
import { readSlots, readXmins } from './leader-slots.js';
import type { RunQuery } from './physical-slots.js';
import { removeSlotFile, writeSlotFile } from './slot-files.js';
import { hasWalFrom, placeWal, restartLsnOf } from './slot-wal.js';

/** Moving a slot on decodes all WAL in between; one that needs longer goes on with the next order. */
const ADVANCE_LIMIT_MS = 600_000;
/** WAL that the slot needs is gone; the slot was invalidated or never reserved WAL. */
const BROKEN = ['58P01', '55000'];
/** Writing and syncing some small files. */
const FILES_LIMIT_MS = 30_000;

export interface LocalLogicalSlotsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly configuration: Pick<ServerConfiguration, 'localTarget' | 'remoteTarget' | 'setFeedback' | 'isFeedbackEnforced'>;
  readonly dataDir: () => string;
  /** On the agent's session with the local server. */
  readonly query: RunQuery;
  readonly isRunning: () => Promise<boolean>;
  readonly reload: () => Promise<boolean>;
  /** Runs file calls with a limit, so that a hung disk does not keep the job for ever. */
  readonly files: { run<T>(what: string, action: () => Promise<T>, limitMs: number): Promise<T> };
}

/** Logical slots of the real server. @see LogicalSlots for the contract. */
export class LocalLogicalSlots implements LogicalSlots {
  private readonly p: LocalLogicalSlotsParts;

  constructor(parts: LocalLogicalSlotsParts) {
    this.p = parts;
  }

  get isFeedbackEnforced(): boolean {
    return this.p.configuration.isFeedbackEnforced;
  }

  async enforceFeedback(isOn: boolean): Promise<void> {
    if ((await this.p.configuration.setFeedback(isOn)) && (await this.p.isRunning())) await this.p.reload();
  }

  /** Waits at most statement_timeout (2 s) for running transactions to end; then the server takes the slot back. */
  async create({ name, database, plugin }: LogicalSlotDefinition): Promise<void> {
    const slot = quoteLiteral(name);
    await this.inDatabase(database, undefined, (session) =>
      session.query(`SELECT pg_catalog.pg_create_logical_replication_slot(${slot}, ${quoteLiteral(plugin)})
WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_replication_slots WHERE slot_name = ${slot})`),
    );
  }

  async advance(
    database: string,
    targets: readonly { readonly name: string; readonly lsn: Lsn }[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, AdvanceOutcome>> {
    const outcomes = new Map<string, AdvanceOutcome>();
    try {
      await this.inDatabase(database, signal, async (session) => {
        for (const { name, lsn } of targets) {
          if (signal.aborted) return;
          outcomes.set(name, await this.advanceOne(session, name, lsn));
        }
      });
    } catch (error) {
      if (!(error instanceof ConnectionProblem)) throw error;
      if (!signal.aborted) this.p.log.warning(`logical slots of database ${database} are not moved on: ${error.message}`);
    }
    return outcomes;
  }

  async read(leader: Upstream, names: readonly string[]): Promise<readonly SlotCopy[] | undefined> {
    const wal = { clock: this.p.clock, log: this.p.log, folder: this.walFolder() };
    return this.ask(leader, 'Failed to copy logical slots from', (target) => readSlots(target, names, wal));
  }

  async leaderSlots(leader: Upstream, physical: string, names: readonly string[]): Promise<LeaderSlots | undefined> {
    const answer = await this.ask(leader, 'Failed to check logical slots of', (target) => readXmins(target, physical, names, this.p.clock));
    if (answer?.physical !== undefined && answer.physical.catalogXmin === undefined) await this.explainMissingFeedback();
    return answer;
  }

  async room(): Promise<number | undefined> {
    try {
      const rows = await this.p.query(
        "SELECT pg_catalog.current_setting('max_replication_slots')::int - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots) AS room",
      );
      return parseInteger(rows[0]?.['room']);
    } catch (error) {
      if (error instanceof ConnectionProblem || error instanceof QueryFailed) return undefined;
      throw error;
    }
  }

  async write(copies: readonly SlotCopy[]): Promise<void> {
    assert(!(await this.p.isRunning()), 'slots of a running server must not be replaced');
    const segments = [...new Set(copies.flatMap(({ wal }) => wal))];
    await this.p.files.run('WAL of slots', () => placeWal(this.walFolder(), segments), FILES_LIMIT_MS);
    const left: string[] = [];
    for (const copy of copies) {
      const lsn = restartLsnOf(copy.state);
      const folder = this.walFolder();
      if (lsn === undefined || !(await this.p.files.run('WAL of slots', () => hasWalFrom(folder, lsn), FILES_LIMIT_MS))) {
        left.push(copy.name);
        continue;
      }
      await this.p.files.run(`slot ${copy.name}`, () => writeSlotFile(this.p.dataDir(), copy), FILES_LIMIT_MS);
      this.p.log.info(`logical replication slot '${copy.name}' was copied`);
    }
    if (left.length > 0) throw new Error(`the WAL of ${left.join(', ')} was removed meanwhile`);
  }

  async remove(names: readonly string[]): Promise<void> {
    assert(!(await this.p.isRunning()), 'slots of a running server must not be removed');
    for (const name of names) await this.p.files.run(`slot ${name}`, () => removeSlotFile(this.p.dataDir(), name), FILES_LIMIT_MS);
  }

  private walFolder(): string {
    return join(this.p.dataDir(), 'pg_wal');
  }

  private async advanceOne(session: Session, name: string, lsn: Lsn): Promise<AdvanceOutcome> {
    try {
      await session.query(`SELECT pg_catalog.pg_replication_slot_advance(${quoteLiteral(name)}, ${quoteLiteral(formatLsn(lsn))})`, {
        timeoutMs: ADVANCE_LIMIT_MS,
      });
      return 'advanced';
    } catch (error) {
      if (!(error instanceof QueryFailed)) throw error;
      this.p.log.error(`Failed to advance logical replication slot '${name}': ${error.message}`);
      return BROKEN.includes(error.sqlState) ? 'broken' : 'failed';
    }
  }

  /** A session in the slot's database, which is where the server wants it. It is cut when `signal` is aborted. */
  private async inDatabase<T>(database: string, signal: AbortSignal | undefined, use: (session: Session) => Promise<T>): Promise<T> {
    const limit = signal === undefined ? '2000' : '0';
    const session = await connect(
      { ...this.p.configuration.localTarget(), dbname: database },
      {
        clock: this.p.clock,
        startupOptions: `-c statement_timeout=${limit} -c search_path=pg_catalog`,
        applicationName: 'Patroni slots',
      },
    );
    const cut = (): void => session.close();
    signal?.addEventListener('abort', cut);
    try {
      return await use(session);
    } finally {
      signal?.removeEventListener('abort', cut);
      session.close();
    }
  }

  private async ask<T>(
    leader: Upstream,
    failure: string,
    question: (target: Parameters<typeof connect>[0]) => Promise<T>,
  ): Promise<T | undefined> {
    const target = this.p.configuration.remoteTarget(leader, 'rewind');
    if (target === undefined) return undefined;
    try {
      return await question(target);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.p.log.error(`${failure} ${leader.name}: ${error.message}`);
      return undefined;
    }
  }

  private async explainMissingFeedback(): Promise<void> {
    try {
      const rows = await this.p.query("SELECT pg_catalog.current_setting('hot_standby_feedback') AS feedback");
      if (rows[0]?.['feedback'] === 'off')
        this.p.log.error('Logical slot failover requires "hot_standby_feedback". Please check postgresql.auto.conf');
    } catch (error) {
      if (!(error instanceof ConnectionProblem || error instanceof QueryFailed)) throw error;
    }
  }
}
