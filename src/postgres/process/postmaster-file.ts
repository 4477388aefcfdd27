import { basename } from 'node:path';
import type { ProcessHandle, ProcessTable } from './process-table.js';

/** What `postmaster.pid` says; lines that a starting server has not written yet are undefined. */
export interface PostmasterFile {
  readonly pid: number;
  /** A negative pid: `postgres --single` works on the directory. */
  readonly isSingleUser: boolean;
  /** Epoch seconds. */
  readonly startTime: number | undefined;
}

/** A running server on our data directory. */
export interface Postmaster extends ProcessHandle {
  readonly isSingleUser: boolean;
}

export function parsePostmasterFile(content: string): PostmasterFile | undefined {
  const lines = content.split('\n').map((line) => line.trim());
  const pid = /^-?\d+$/.test(lines[0] ?? '') ? Number(lines[0]) : 0;
  if (pid === 0) return undefined;
  const startTime = /^\d+$/.test(lines[2] ?? '') ? Number(lines[2]) : undefined;
  return { pid: Math.abs(pid), isSingleUser: pid < 0, startTime };
}

/** Largest difference between the file's start time and the process's own for which the process must be the file's writer. */
const START_TOLERANCE_SECONDS = 3;

export interface Recognition {
  readonly table: ProcessTable;
  readonly ownPid: number;
  readonly ownParent: number;
  /** Base name of the configured server binary. */
  readonly binaryName: string;
  /** Real path of the data directory; undefined when it can't be resolved. */
  readonly realDataDir: string | undefined;
}

/** `foreign`: a live process has the pid, but it is not our server. */
export type Recognised =
  | { readonly kind: 'ours'; readonly postmaster: Postmaster }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'gone' };

/** Decides whether the process of the pid file is our postmaster (postgres.md §3.4); the first rule that fits wins. */
export function recognise(file: PostmasterFile, by: Recognition): Recognised {
  const facts = by.table.facts(file.pid);
  if (facts === undefined) return { kind: 'gone' };
  const ours: Recognised = {
    kind: 'ours',
    postmaster: { pid: facts.pid, startedAt: facts.startedAt, isSingleUser: file.isSingleUser },
  };
  if (file.pid === by.ownPid || file.pid === by.ownParent) return { kind: 'foreign' };
  // As pid 1 of a container we are every orphan's parent, the server's too.
  if (facts.parent === by.ownPid && by.ownPid !== 1) return { kind: 'foreign' };
  if (file.startTime !== undefined && Math.abs(file.startTime - facts.startEpoch) < START_TOLERANCE_SECONDS) return ours;
  const executable = by.table.executable(file.pid);
  if (executable === undefined) return { kind: 'foreign' };
  const name = basename(executable);
  if (name !== by.binaryName && name !== 'postmaster') return { kind: 'foreign' };
  const folder = by.table.workingDirectory(file.pid);
  if (folder === undefined || by.realDataDir === undefined) return ours;
  return folder === by.realDataDir ? ours : { kind: 'foreign' };
}
