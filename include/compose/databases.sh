#!/usr/bin/env bash
# Run once by the postgres image when its volume is empty: three databases, and who may do what.
# The ledger's writer and reader get their rights from `settlement ledger upgrade`.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv airflow AIRFLOW_DB_PASSWORD
\getenv ledger_owner LEDGER_OWNER_PASSWORD
\getenv ledger_writer LEDGER_WRITER_PASSWORD
\getenv ledger_reader LEDGER_READER_PASSWORD
\getenv warehouse_owner WAREHOUSE_OWNER_PASSWORD
\getenv warehouse_reader WAREHOUSE_READER_PASSWORD
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE settlement_owner LOGIN PASSWORD :'ledger_owner';
CREATE ROLE settlement_writer NOLOGIN;
CREATE ROLE settlement_reader NOLOGIN;
CREATE ROLE settlement_worker LOGIN PASSWORD :'ledger_writer' IN ROLE settlement_writer;
CREATE ROLE settlement_pages LOGIN PASSWORD :'ledger_reader' IN ROLE settlement_reader;
CREATE ROLE warehouse_owner LOGIN PASSWORD :'warehouse_owner';
CREATE ROLE warehouse_reader LOGIN PASSWORD :'warehouse_reader';

CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE settlement_ledger OWNER settlement_owner;
CREATE DATABASE warehouse OWNER warehouse_owner;
REVOKE CONNECT ON DATABASE airflow, settlement_ledger, warehouse FROM PUBLIC;
GRANT CONNECT ON DATABASE settlement_ledger TO settlement_writer, settlement_reader;
GRANT CONNECT ON DATABASE warehouse TO warehouse_reader;

\connect warehouse
GRANT CREATE, USAGE ON SCHEMA public TO warehouse_owner;
GRANT USAGE ON SCHEMA public TO warehouse_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE warehouse_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO warehouse_reader;
SQL
