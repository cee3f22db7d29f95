#!/usr/bin/env bash
# What must be there before any component starts; safe to run again after every update.
set -euo pipefail

airflow db migrate
airflow pools set partner_api 2 "Calls of the partner API"
settlement ledger upgrade
