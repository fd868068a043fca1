#!/usr/bin/env bash
# Run once by the PostgreSQL image, on an empty data folder: a role and a database each for Airflow, the
# lake's catalog and the model registry.
set -euo pipefail

for name in airflow lake_catalog model_registry; do
    # psql quotes the values itself, and its standard input is in nobody's list of processes.
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<SQL
\set name $name
\set password \`cat /run/secrets/${name}_password\`
create role :"name" login password :'password';
create database :"name" owner :"name";
SQL
done
