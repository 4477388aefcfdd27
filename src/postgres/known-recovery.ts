import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConnectionProblem } from './query/errors.js';
import { quoteLiteral } from './query/session.js';
import type { RunningServer } from './server-configuration.js';
import { isMissing, readIfPresent } from './settings/data-files.js';
import { comparedRecoveryNames, type KnownRecoveryValue, parseRecoveryConf, recoveryNeedsRestart } from './settings/recovery.js';

export type RecoveryValues = ReadonlyMap<string, KnownRecoveryValue>;

export interface RecoveryPlaces {
  readonly dataDir: string;
  /** Paths of postgresql.conf and postgresql.auto.conf. */
  readonly ownFiles: readonly string[];
  readonly pgpass: string;
  readonly majorVersion: number;
}

/** The recovery settings in force, read again only when a file or the process has changed (postgres.md §16.3). */
export class KnownRecovery {
  private values: RecoveryValues | undefined;
  private readAt: string | undefined;

  forget(): void {
    this.values = undefined;
    this.readAt = undefined;
  }

  /** What was just written holds until the server can be asked: a standby that can't start may have to follow another one. */
  prime(written: ReadonlyMap<string, string>, majorVersion: number): void {
    this.values = new Map(
      comparedRecoveryNames(majorVersion).map((name) => {
        return [name, { value: written.get(name) ?? '', needsRestart: recoveryNeedsRestart(name, majorVersion) }];
      }),
    );
    this.readAt = undefined;
  }

  /** `unreachable`: the server is not there to be asked, which is no reason to change anything. undefined: not readable. */
  async read(places: RecoveryPlaces, server: RunningServer): Promise<RecoveryValues | undefined | 'unreachable'> {
    if (places.majorVersion < 120_000) return this.readFile(places);
    if (server.isStarting) return this.values ?? 'unreachable';
    const key = [...(await Promise.all([...places.ownFiles, places.pgpass].map(changedAt))), server.processKey].join(' ');
    if (key === this.readAt && this.values !== undefined) return this.values;
    try {
      this.values = await ask(places.majorVersion, server);
      this.readAt = key;
      return this.values;
    } catch (error) {
      if (error instanceof ConnectionProblem) return 'unreachable';
      throw error;
    }
  }

  private async readFile({ dataDir, majorVersion }: RecoveryPlaces): Promise<RecoveryValues | undefined> {
    const content = await readIfPresent(join(dataDir, 'recovery.conf'));
    const found = content === undefined ? undefined : parseRecoveryConf(content);
    if (found === undefined) return undefined;
    const names = comparedRecoveryNames(majorVersion);
    return new Map(names.map((name) => [name, { value: found.get(name) ?? '', needsRestart: true }]));
  }
}

async function ask(majorVersion: number, server: RunningServer): Promise<RecoveryValues> {
  const names = comparedRecoveryNames(majorVersion).map(quoteLiteral).join(', ');
  const rows = await server.query(`SELECT name, setting, context, sourcefile FROM pg_catalog.pg_settings WHERE name IN (${names})`);
  return new Map(
    rows.map((row) => {
      const value = {
        value: row['setting'] ?? '',
        needsRestart: row['context'] === 'postmaster',
        sourceFile: row['sourcefile'] ?? undefined,
      };
      return [row['name'] ?? '', value];
    }),
  );
}

async function changedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
