#!/bin/sh
# Run once by the image when the primary's data are made: roles, database, limits.
set -eu
password() { cat "/run/secrets/$1"; }
psql -v ON_ERROR_STOP=1 -U postgres -d postgres \
    -v owner="$(password a1_owner)" -v app="$(password a1_app)" -v worker="$(password a1_worker)" \
    -v report="$(password a1_report)" -v replica="$(password a1_replica)" -v backup="$(password a1_backup)" <<'SQL'
CREATE ROLE a1_owner LOGIN PASSWORD :'owner';
CREATE ROLE a1_app LOGIN PASSWORD :'app';
CREATE ROLE a1_worker LOGIN PASSWORD :'worker';
CREATE ROLE a1_report LOGIN PASSWORD :'report';
CREATE ROLE a1_replica LOGIN REPLICATION PASSWORD :'replica';
CREATE ROLE a1_backup LOGIN REPLICATION PASSWORD :'backup';
GRANT pg_read_all_data, pg_monitor TO a1_backup;
CREATE DATABASE a1 OWNER a1_owner;
SELECT pg_create_physical_replication_slot('a1_replica');
SQL
psql -v ON_ERROR_STOP=1 -U postgres -d postgres -f /etc/a1/roles.sql
psql -v ON_ERROR_STOP=1 -U postgres -d a1 \
    -c "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO a1_backup"
for role in a1_replica a1_backup; do
    echo "host replication $role all scram-sha-256" >>"$PGDATA/pg_hba.conf"
done
