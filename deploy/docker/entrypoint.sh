#!/bin/sh
# Starts what the first argument names: patroni (the default), etcd or haproxy. For patroni it writes a configuration that
# the environment completes (PATRONI_*); a file that PATRONI_CONFIG_FILE names is used instead.
set -eu

case "${1:-patroni}" in
  etcd)
    shift
    exec etcd "$@"
    ;;
  haproxy)
    exec haproxy -db -f /haproxy.cfg
    ;;
  patroni) ;;
  *)
    exec "$@"
    ;;
esac

if [ -n "${PATRONI_CONFIG_FILE:-}" ]; then
  exec patroni "$PATRONI_CONFIG_FILE"
fi

: "${PATRONI_SCOPE:?the name of the cluster}" "${PATRONI_SUPERUSER_PASSWORD:?}" "${PATRONI_REPLICATION_PASSWORD:?}"
# In a pod it is the pod's name, in a container the host's.
export PATRONI_NAME="${PATRONI_NAME:-$(hostname)}"
address="${PATRONI_KUBERNETES_POD_IP:-$(hostname -i | cut -d ' ' -f 1)}"
case "$address" in *:*) address="[$address]" ;; esac
export PATRONI_SUPERUSER_USERNAME="${PATRONI_SUPERUSER_USERNAME:-postgres}"
export PATRONI_REPLICATION_USERNAME="${PATRONI_REPLICATION_USERNAME:-standby}"
export PATRONI_POSTGRESQL_DATA_DIR="${PATRONI_POSTGRESQL_DATA_DIR:-$HOME/data/pgdata}"
export PATRONI_POSTGRESQL_LISTEN="${PATRONI_POSTGRESQL_LISTEN:-0.0.0.0:5432}"
export PATRONI_POSTGRESQL_CONNECT_ADDRESS="${PATRONI_POSTGRESQL_CONNECT_ADDRESS:-$address:5432}"
export PATRONI_RESTAPI_LISTEN="${PATRONI_RESTAPI_LISTEN:-0.0.0.0:8008}"
export PATRONI_RESTAPI_CONNECT_ADDRESS="${PATRONI_RESTAPI_CONNECT_ADDRESS:-$address:8008}"
export PATRONI_POSTGRESQL_PGPASS="${PATRONI_POSTGRESQL_PGPASS:-$HOME/.pgpass}"

file="$HOME/patroni.yml"
cat > "$file" <<YAML
bootstrap:
  dcs:
    postgresql:
      use_pg_rewind: true
  initdb:
  - auth-host: scram-sha-256
  - auth-local: trust
  - encoding: UTF8
  - locale: C.UTF-8
  - data-checksums
  pg_hba:
  - local all all trust
  - host all all all scram-sha-256
  - host replication ${PATRONI_REPLICATION_USERNAME} all scram-sha-256
postgresql:
  parameters:
    password_encryption: scram-sha-256
YAML

exec patroni "$file"
