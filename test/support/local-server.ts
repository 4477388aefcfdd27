import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { milliseconds } from '../../src/base/duration.js';
import type { PostgresObservation } from '../../src/ports/postgres.js';
import type { PostgresSettings } from '../../src/ports/settings.js';
import { LocalPostgres } from '../../src/postgres/local-postgres.js';
import { freePort } from './free-port.js';
import { plainConfiguration } from './plain-configuration.js';
import { binDir, initdb, postgresSettings, surroundings, until } from './postgres-server.js';
import { scratch } from './scratch.js';

/** A real server with the least configuration, and the agent's view of it. */
export interface LocalServer {
  readonly postgres: LocalPostgres;
  readonly dataDir: string;
  readonly log: readonly string[];
  readonly target: Readonly<Record<string, string>>;
  look(): Promise<PostgresObservation>;
  /** Process of the postmaster by its file; undefined when there is no file. */
  pid(): number | undefined;
  /** What the callbacks were called with so far, one line each. */
  callbacks(): readonly string[];
  callbacksAre(...lines: string[]): Promise<void>;
  /** Turns the stopped server into a standby of nobody that lets nobody in: it answers as one in a long recovery. */
  makeClosedStandby(): void;
  /** `pg_ctl` as an operator calls it, without the agent's knowledge. */
  byHand(...argv: string[]): void;
}

let template: string | undefined;

function newTemplate(): string {
  const folder = scratch();
  initdb(join(folder, 'd'));
  return join(folder, 'd');
}

export async function withLocalServer(
  settings: (folder: string) => Partial<PostgresSettings>,
  use: (server: LocalServer) => Promise<void>,
): Promise<void> {
  const folder = scratch();
  const dataDir = join(folder, 'd');
  const port = await freePort();
  const log: string[] = [];
  const told = join(folder, 'told');
  const tell = `sh -c 'echo "$@" >> ${told}' x`;
  // Made once for all servers of a file: initdb takes seconds.
  template ??= newTemplate();
  cpSync(template, dataDir, { recursive: true });
  const configuration = plainConfiguration(dataDir, port);
  const postgres = new LocalPostgres(
    {
      settings: postgresSettings(dataDir, port, {
        callbacks: { on_start: tell, on_stop: tell, on_restart: tell, on_role_change: tell },
        ...settings(folder),
      }),
      bootstrap: undefined,
      ...surroundings(log),
    },
    configuration,
  );
  const callbacks = (): readonly string[] => linesOf(told);
  const look = (): Promise<PostgresObservation> => postgres.observe({ timeoutMs: milliseconds(5000), withSynchronousState: false });
  try {
    // As an agent does before anything else: what runs then was not started by it.
    await look();
    await use({
      postgres,
      dataDir,
      log,
      target: configuration.localTarget(),
      look,
      pid: () => {
        const first = linesOf(join(dataDir, 'postmaster.pid'))[0];
        return first === undefined ? undefined : Number(first);
      },
      callbacks,
      callbacksAre: async (...lines) => {
        await until(`${lines.length} callbacks`, () => callbacks().length >= lines.length);
        assert.deepEqual(callbacks(), lines);
      },
      makeClosedStandby: () => {
        writeFileSync(join(dataDir, 'standby.signal'), '');
        appendFileSync(join(dataDir, 'postgresql.auto.conf'), 'hot_standby = off\n');
      },
      byHand: (...argv) => {
        const options = ['-D', dataDir, '-l', join(folder, 'log'), '-o', `--port=${port}`];
        execFileSync(join(binDir() ?? '', 'pg_ctl'), [...options, ...argv], { stdio: 'ignore' });
      },
    });
  } finally {
    await postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: milliseconds(2000), quiet: true });
    await postgres.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function linesOf(path: string): readonly string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}
