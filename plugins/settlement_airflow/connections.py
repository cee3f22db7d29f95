"""From Airflow connections to what the domain works with: ledger, warehouse and partner API.

For the ledger only keys that are named here are read from an Airflow connection's extra; nothing
is spread. The hook of a warehouse reads what it knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowException
from sqlalchemy import URL

import settlement
from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.ledger.install.version import require_newest_version
from settlement.partner.exchange import PartnerApi
from settlement.steps.desk import Desk
from settlement.values import Actor
from settlement.warehouse import Warehouse
from settlement.warehouse.sql import SqlWarehouse
from settlement_airflow.airflow_connection import connection_named, wrong_connection

POSTGRES_TYPES = ("postgres", "postgresql")
BIGQUERY_TYPES = ("gcpbigquery", "google_cloud_platform")
POSTGRES_EXTRA = ("sslmode", "sslrootcert", "sslcert", "sslkey")
SQL_FOLDER = Path(settlement.__file__).resolve().parent.parent / "sql"


@contextmanager
def opened_ledger(conn_id: str) -> Iterator[Ledger]:
    """The ledger behind an Airflow connection of type `postgres`, closed at the end.

    :raises ConfigurationError: if the Airflow connection is missing or of another type
    :raises LedgerVersionError: if its schema is older or newer than this code
    :raises LedgerUnavailableError: if it does not answer
    """
    ledger = Ledger.connect(postgres_url(conn_id))
    try:
        require_newest_version(ledger)
        yield ledger
    finally:
        ledger.engine.dispose()


@contextmanager
def unchecked_ledger(conn_id: str) -> Iterator[Ledger]:
    """The same, for whoever asks whether it answers, and of which version it is.

    :raises ConfigurationError: if the Airflow connection is missing or of another type
    """
    ledger = Ledger.connect(postgres_url(conn_id))
    try:
        yield ledger
    finally:
        ledger.engine.dispose()


@contextmanager
def opened_desk(partner: PartnerFile, actor: Actor, *, pool_slots: int = 1) -> Iterator[Desk]:
    """A partner's desk with its ledger open; the step that needs the API opens it.

    :param pool_slots: slots of the pool `partner_api` that the task occupies
    :raises ConfigurationError, LedgerVersionError, LedgerUnavailableError: as `opened_ledger` does
    """
    open_api = partial(open_partner_api, partner.api_conn_id, pool_slots=pool_slots)
    with opened_ledger(partner.ledger_conn_id) as ledger:
        yield Desk(ledger, partner, open_api, actor)


def postgres_url(conn_id: str) -> URL:
    """URL of the database behind an Airflow connection of type `postgres`.

    A host that starts with "/" is the folder of its socket.

    :raises ConfigurationError: if the Airflow connection is missing, incomplete or of another type
    """
    connection = connection_named(conn_id)
    if connection.conn_type not in POSTGRES_TYPES:
        raise wrong_connection(conn_id, f"it must be of type postgres, not {connection.conn_type}")
    if not connection.host or not connection.schema:
        raise wrong_connection(conn_id, "host and schema (the database's name) must be set")
    extra = connection.extra_dejson
    query = {key: str(extra[key]) for key in POSTGRES_EXTRA if key in extra}
    by_socket = connection.host.startswith("/")
    if by_socket:
        query["host"] = connection.host
    return URL.create(
        "postgresql+psycopg",
        username=connection.login,
        password=connection.password,
        host=None if by_socket else connection.host,
        port=connection.port,
        database=connection.schema,
        query=query,
    )


def open_partner_api(conn_id: str, *, pool_slots: int = 1) -> PartnerApi:
    """The partner API behind an Airflow connection of type `bitgo_network`.

    :param pool_slots: slots of the pool `partner_api` that the task occupies
    """
    from settlement_airflow.hooks.partner_api import PartnerApiHook  # noqa: PLC0415 - HttpHook
    # brings an asynchronous client, too slow to import for the tasks that call nobody

    return PartnerApiHook(conn_id, pool_slots=pool_slots)


def open_warehouse(conn_id: str) -> Warehouse:
    """The warehouse behind an Airflow connection of a common-sql type.

    :raises ConfigurationError: if it is missing, of a type that cannot be read yet, or DuckDB
        without a file: it would be an empty database in memory
    """
    connection = connection_named(conn_id)
    if connection.conn_type == "duckdb":
        if (connection.host or ":memory:").strip() == ":memory:":
            raise wrong_connection(conn_id, "host must be the path of the DuckDB file")
        hook = _hook(connection, {"read_only": True})
        return SqlWarehouse(hook.get_conn, "duckdb", "?", SQL_FOLDER)
    if connection.conn_type in POSTGRES_TYPES:
        connect = partial(_postgres_connection, conn_id, _hook(connection, {}))
        return SqlWarehouse(connect, "postgres", "%s", SQL_FOLDER)
    if connection.conn_type == "snowflake":
        return SqlWarehouse(_snowflake_hook(connection).get_conn, "snowflake", "%s", SQL_FOLDER)
    if connection.conn_type in BIGQUERY_TYPES:
        raise wrong_connection(
            conn_id,
            "BigQuery cannot be read through Airflow's hook, which returns timestamps as "
            "floating-point numbers and keeps no session.",
            to_do="copy the trades to PostgreSQL or a DuckDB file (docs/warehouses.md)",
        )
    raise wrong_connection(
        conn_id,
        f"a warehouse of type {connection.conn_type} is not supported: "
        "duckdb, postgres and snowflake",
    )


def _postgres_connection(conn_id: str, hook: Any) -> Any:
    try:
        return hook.get_conn()
    except ValueError as error:  # the hook's, for a row factory that its driver does not have
        raise wrong_connection(
            conn_id, "its extra `cursor` cannot be used.", to_do=f"remove it. {error}"
        ) from None


def _snowflake_hook(connection: Any) -> Any:
    try:
        return _hook(connection, {})
    except AirflowException:  # "Unknown hook type"
        raise wrong_connection(
            connection.conn_id,
            "its type snowflake is unknown here.",
            to_do="install the extra snowflake of this project on every worker",
        ) from None


def _hook(connection: Any, parameters: dict[str, object]) -> Any:
    return connection.get_hook(hook_params=parameters)
