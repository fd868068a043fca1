#!/usr/bin/env bash
# Bring the model registry's tables to what the installed MLflow expects.
set -euo pipefail

PGPASSWORD=$(cat /run/secrets/model_registry_password)
export PGPASSWORD
exec /opt/soh/.venv/spark/bin/mlflow db upgrade postgresql+psycopg2://model_registry@postgres:5432/model_registry
