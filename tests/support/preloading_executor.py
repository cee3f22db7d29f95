"""Airflow's LocalExecutor, whose workers begin with what else every task would import anew.

It spares each task of a real Airflow half a second of computing. The DAG file is still read by
every task; the runs of docker-compose.yaml's services begin with nothing.
"""

# ruff: noqa: F401 - imported for the workers, which are forked

from __future__ import annotations

import duckdb
import psycopg
from airflow.executors.local_executor import LocalExecutor
from airflow.providers.duckdb.hooks.duckdb import DuckDBHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk.execution_time import supervisor, task_runner

from settlement_airflow import connections, dag_parts, signers
from settlement_airflow.operators import act, ask, conclude, decide, prepare, submit, wait, watch


class PreloadingExecutor(LocalExecutor):
    """The same in everything else."""
