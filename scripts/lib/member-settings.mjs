// Configuration files of the clusters that the scripts start; both implementations read the same ones.

import { join } from 'node:path';
import { postgresDirectories } from '../setup.mjs';

export const SUPERUSER = { user: 'postgres', password: 'zalando', database: 'postgres' };

/** Settings of a member, to be written as YAML. `store` is the section that names it; `dynamic` goes over the defaults of bootstrap.dcs. */
export function memberSettings({ name, port, restPort, folder, store, dynamic = {} }) {
  const [binDir] = postgresDirectories();
  return {
    scope: 'batman',
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
          pg_hba: ['local all all trust', 'host replication replicator 127.0.0.1/32 md5', 'host all all 127.0.0.1/32 md5'],
        },
        ...dynamic,
      },
      initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: join(folder, 'data', name),
      ...(binDir ? { bin_dir: binDir } : {}),
      pgpass: join(folder, `pgpass-${name}`),
      authentication: {
        superuser: { username: SUPERUSER.user, password: SUPERUSER.password },
        replication: { username: 'replicator', password: 'rep-pass' },
        rewind: { username: 'rewind_user', password: 'rewind_password' },
      },
      parameters: { unix_socket_directories: folder },
    },
    tags: { nofailover: false, noloadbalance: false, clonefrom: false },
  };
}

/**
 * A proxy that notices a new primary within a tenth of a second. The checks are cheap: the agent answers them from
 * memory. No retries of its own, because it waits a second before each; the client asks again sooner. The haproxy.cfg at
 * the root keeps Patroni's timing (3 s, three times) instead.
 */
export function proxySettings({ port, statsPort, members }) {
  const servers = members.map(
    ({ name, port: target, restPort }) => `    server ${name} 127.0.0.1:${target} maxconn 100 check port ${restPort}`,
  );
  return `global
    maxconn 400

defaults
    mode tcp
    retries 0
    timeout client 30m
    timeout connect 1s
    timeout server 30m
    timeout check 1s

listen stats
    mode http
    bind 127.0.0.1:${statsPort}
    stats enable
    stats uri /
    stats refresh 2s

listen primary
    bind 127.0.0.1:${port}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 100ms fall 1 rise 1 on-marked-down shutdown-sessions
${servers.join('\n')}
`;
}
