import { existsSync } from 'node:fs';
import { join } from 'node:path';

interface Own {
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
  readonly folder: string;
  /** The section that names the store. */
  readonly store: Readonly<Record<string, unknown>>;
}

interface Overrides {
  readonly scope: string;
  readonly dynamic: Readonly<Record<string, unknown>>;
  readonly postgresql: Readonly<Record<string, unknown>>;
  readonly watchdog: Readonly<Record<string, unknown>> | undefined;
}

/** Where PostgreSQL's programs are, newest first; undefined to look on PATH. */
function binDir(): string | undefined {
  const versions = [18, 17, 16, 15, 14, 13];
  const candidates = [process.env['PG_BINDIR'], ...versions.map((version) => `/usr/lib/postgresql/${version}/bin`)];
  return candidates.find((each) => each !== undefined && existsSync(join(each, 'initdb')));
}

/** The settings of one member, the same for both implementations. */
export function memberConfiguration(
  { name, port, restPort, folder, store }: Own,
  { scope, dynamic, postgresql, watchdog }: Overrides,
): Record<string, unknown> {
  const programs = binDir();
  return {
    scope,
    name,
    restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
    ...store,
    bootstrap: {
      dcs: {
        ttl: 30,
        loop_wait: 10,
        retry_timeout: 10,
        maximum_lag_on_failover: 1048576,
        postgresql: {
          use_pg_rewind: true,
          use_slots: true,
          // Small enough for many clusters on one machine; durability is what we test, so fsync stays on.
          parameters: { max_connections: 50, shared_buffers: '16MB', max_wal_size: '256MB', wal_keep_size: '64MB' },
        },
        ...dynamic,
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums'],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: join(folder, 'data', name),
      ...(programs === undefined ? {} : { bin_dir: programs }),
      pgpass: join(folder, `pgpass-${name}`),
      authentication: {
        superuser: { username: 'postgres', password: 'zalando' },
        replication: { username: 'replicator', password: 'rep-pass' },
        rewind: { username: 'rewind_user', password: 'rewind_password' },
      },
      pg_hba: ['local all all trust', 'host replication replicator 127.0.0.1/32 md5', 'host all all 127.0.0.1/32 md5'],
      parameters: { unix_socket_directories: folder },
      ...postgresql,
    },
    ...(watchdog === undefined ? {} : { watchdog }),
  };
}
