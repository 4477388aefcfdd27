import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Upstream } from '../../src/ports/postgres.js';
import type { ServerConfiguration } from '../../src/postgres/server-configuration.js';

/** The least configuration that lets a server start: for tests of processes and queries. */
export function plainConfiguration(dataDir: string, port: number): ServerConfiguration {
  const target = { host: dataDir, port: String(port), user: 'postgres', dbname: 'postgres' };
  let recovery = '';
  let synchronous = '';
  const conf = join(dataDir, 'postgresql.conf');
  const write = (): Promise<void> =>
    writeFile(conf, `fsync = off\nunix_socket_directories = '${dataDir}'\nlisten_addresses = ''\n${synchronous}${recovery}`);
  return {
    pendingRestart: {},
    isFeedbackEnforced: false,
    setFeedback: async () => false,
    connUrl: () => `postgres://127.0.0.1:${port}/postgres`,
    proxyUrl: () => undefined,
    apply: async () => ({ isChanged: false }),
    refreshPendingRestart: async () => undefined,
    remoteTarget: () => undefined,
    toolConnection: async () => ({ connectionString: `host=${dataDir} port=${port} user=postgres dbname=postgres`, environment: {} }),
    restoreCommand: async () => undefined,
    effectiveValue: async () => undefined,
    binaryVersion: async () => 150_000,
    dataDirectoryCreated: async () => undefined,
    appendBootstrapHba: async () => undefined,
    removeRecovery: () => rm(join(dataDir, 'standby.signal'), { force: true }),
    beginCustomBootstrap: async () => undefined,
    endCustomBootstrap: async () => false,
    localTarget: () => target,
    replicationTarget: () => target,
    prepareStart: async () => {
      await write();
      return ['-D', dataDir, `--config-file=${conf}`, `--port=${port}`, '--cluster_name=demo', '--wal_level=replica', '--wal_log_hints=on'];
    },
    saveFiles: async () => undefined,
    join: async () => false,
    writeRecovery: async (upstream: Upstream | undefined) => {
      await writeFile(join(dataDir, 'standby.signal'), '');
      recovery = upstream?.connUrl === undefined ? '' : `primary_conninfo = '${upstream.connUrl} application_name=n2'\n`;
    },
    compareRecovery: async () => ({ change: false, restart: false }),
    writeServerFile: async () => {
      await write();
      return true;
    },
    setSynchronousStandbyNames: async (value) => {
      synchronous = value === undefined ? '' : `synchronous_standby_names = '${value}'\n`;
      await write();
      return true;
    },
  };
}
