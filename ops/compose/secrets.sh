#!/bin/sh
# Makes the secrets that compose.yaml mounts, once. Keep a copy of secrets/credentials_key: nothing else opens credentials.
set -eu
cd "$(dirname "$0")"
[ ! -e secrets ] || { echo "secrets/ is there already; nothing was changed"; exit 1; }
umask 077
mkdir secrets
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }
random | tr -d '=\n' > secrets/postgres_password
printf 'postgresql://numberdesk:%s@postgres/numberdesk' "$(cat secrets/postgres_password)" > secrets/database_url
random | tr -d '\n' > secrets/credentials_key   # 32 random bytes in URL-safe Base64, as `carriers new-key` makes
random | tr -d '=\n' > secrets/metrics_token
random | tr -d '=\n' > secrets/grafana_password
chmod 444 secrets/*   # containers read them under other ids; the folder is yours alone
echo "made secrets/"
