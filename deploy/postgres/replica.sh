#!/bin/sh
# Starts a replica: cloned from the primary when it has no data yet, then PostgreSQL itself.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    umask 077
    mkdir -p "$PGDATA"
    printf '*:*:*:a1_replica:%s\n' "$(cat /run/secrets/a1_replica)" >"$PGDATA/../replica.pgpass"
    until PGPASSFILE="$PGDATA/../replica.pgpass" pg_basebackup --wal-method=stream --write-recovery-conf --slot=a1_replica \
        --dbname="host=$PRIMARY_HOST user=a1_replica application_name=a1_replica" --pgdata="$PGDATA"; do
        echo "The primary is not ready yet." >&2
        rm -rf "${PGDATA:?}"/*
        sleep 2
    done
fi
exec postgres -c config_file=/etc/a1/postgresql.conf -c data_directory="$PGDATA" \
    -c hba_file="$PGDATA/pg_hba.conf" -c ident_file="$PGDATA/pg_ident.conf"
