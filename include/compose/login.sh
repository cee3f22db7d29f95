#!/usr/bin/env bash
# The one login of Airflow's simple auth manager, from .env; then the api-server takes over.
set -euo pipefail

umask 077
python -c 'import json, os; print(json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))' \
    > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
exec airflow api-server
