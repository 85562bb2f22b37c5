#!/bin/sh
# Starts the pooler in a container: the shipped configuration, with the primary's name and the roles' passwords filled in.
set -eu
made=$(mktemp -d)
for role in a1_app a1_worker a1_report; do
    printf '"%s" "%s"\n' "$role" "$(cat "/run/secrets/$role")"
done >"$made/userlist.txt"
sed -e "s/^a1 = host=127.0.0.1 /a1 = host=$PRIMARY_HOST /" \
    -e 's/^listen_addr = .*/listen_addr = 0.0.0.0/' \
    -e "s|^auth_file = .*|auth_file = $made/userlist.txt|" /usr/local/share/pgbouncer.ini >"$made/pgbouncer.ini"
exec pgbouncer "$made/pgbouncer.ini"
