#!/usr/bin/env bash
# Make .env out of .env.example, with a random value for every secret; never touches an .env that is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -e .env ]; then
    echo "new-env.sh: .env is there already; remove it to get new secrets (the databases keep the old ones)" >&2
    exit 1
fi
umask 077
while IFS= read -r line; do
    case "$line" in
        # Fernet takes 32 bytes as URL-safe base64.
        AIRFLOW_FERNET_KEY=) line+=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_') ;;
        [A-Z]*=) line+=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n') ;;
    esac
    printf '%s\n' "$line"
done <.env.example >.env.partial
mv .env.partial .env
echo "wrote .env; user admin has AIRFLOW_ADMIN_PASSWORD in it for Airflow's page and GRAFANA_ADMIN_PASSWORD for Grafana's"
