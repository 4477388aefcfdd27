import type { ProcessTable } from './process-table.js';

/** Titles of the server's own processes; every other child serves a client that may be waiting for a commit (§5.2 step 9). */
const AUXILIARY = [
  'archiver',
  'startup',
  'autovacuum launcher',
  'autovacuum worker',
  'checkpointer',
  'logger',
  'syslogger',
  'stats collector',
  'wal receiver',
  'walreceiver',
  'wal writer',
  'walwriter',
  'writer',
  'background writer',
  'wal sender process',
  'walsender',
  'logical replication launcher',
  'logical replication worker for subscription',
  'logical replication tablesync worker for subscription',
  'logical replication parallel apply worker for subscription',
  'logical replication apply worker for subscription',
  'datachecksums launcher',
  'datachecksums worker',
  'slotsync worker',
  'walsummarizer',
  'io worker',
  'bgworker:',
];

/** Whether a child with this process title serves a client. */
export function isClientTitle(title: string, clusterName: string): boolean {
  if (!title.startsWith('postgres:')) return true;
  let rest = title.slice('postgres:'.length).trimStart();
  if (clusterName !== '' && rest.startsWith(`${clusterName}: `)) rest = rest.slice(clusterName.length + 2);
  return !AUXILIARY.some((name) => rest === name || rest.startsWith(`${name} `) || (name.endsWith(':') && rest.startsWith(name)));
}

/** Pids of the client backends of a postmaster. A child that can't be looked at is not counted. */
export function clientBackends(table: ProcessTable, postmasterPid: number, clusterName: string): readonly number[] {
  return table.children(postmasterPid).filter((pid) => {
    const title = table.title(pid);
    return title !== undefined && title !== '' && isClientTitle(title, clusterName);
  });
}
