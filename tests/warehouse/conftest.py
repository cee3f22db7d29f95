"""The same warehouse three times: DuckDB, and PostgreSQL over both of its drivers.

Snowflake cannot be reached from a test; `snowflake.py` stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import psycopg
import psycopg2  # type: ignore[import-untyped]
import pytest

from settlement.config.partner_file import CutOff, PartnerFile
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.values import Window
from settlement.warehouse.drivers import Dialect
from settlement.warehouse.sql import SqlWarehouse

from .snowflake import StandIn

SQL_FOLDER = Path(__file__).parents[2] / "include" / "sql"

ALICE = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"
CAROL = "aaaaaaaa-3333-4333-8333-333333333333"
HOUSE = "house"

START = datetime(2026, 3, 2, 22, tzinfo=UTC)
END = datetime(2026, 3, 3, 22, tzinfo=UTC)
DAY = Window(START, END)
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 6, tzinfo=UTC)

COLUMNS = {
    "trade_id": "VARCHAR",
    "partner": "VARCHAR",
    "executed_at": "TIMESTAMPTZ",
    "recorded_at": "TIMESTAMPTZ",
    "buyer_connection_id": "VARCHAR",
    "seller_connection_id": "VARCHAR",
    "base_currency": "VARCHAR",
    "quote_currency": "VARCHAR",
    "base_quantity": "DECIMAL(38,0)",
    "quote_quantity": "DECIMAL(38,0)",
    "buyer_fee": "DECIMAL(38,0)",
    "seller_fee": "DECIMAL(38,0)",
    "buyer_fee_currency": "VARCHAR",
    "seller_fee_currency": "VARCHAR",
}


def trade(trade_id: str, /, **changes: Any) -> dict[str, Any]:
    """Make a sound trade: Alice buys 2 BTC units from Bob for 100 USD units, fees 3 and -1."""
    sound = {
        "trade_id": trade_id,
        "partner": "demo",
        "executed_at": NOON,
        "recorded_at": NOON,
        "buyer_connection_id": ALICE,
        "seller_connection_id": BOB,
        "base_currency": "BTC",
        "quote_currency": "USD",
        "base_quantity": 2,
        "quote_quantity": 100,
        "buyer_fee": 3,
        "seller_fee": -1,
        "buyer_fee_currency": None,
        "seller_fee_currency": None,
    }
    return {**sound, **changes}


def partner(**changes: Any) -> PartnerFile:
    """Make the demo's partner file."""
    settings: dict[str, Any] = {
        "name": "demo",
        "enterprise_id": "e1",
        "timezone": "UTC",
        "cut_offs": (CutOff(at=time(22)),),
        "first_business_date": NOON.date(),
        "currencies": {"BTC": 8, "ETH": 18, "USD": 2},
    }
    return PartnerFile(**{**settings, **changes})


def open_day(warehouse: SqlWarehouse) -> None:
    """Open a snapshot of the day and close it again: columns and types are checked then."""
    with warehouse.snapshot(partner(), DAY):
        pass


@dataclass(frozen=True)
class Backend:
    """A database with one table of trades, and how it is read."""

    name: str
    dialect: Dialect
    placeholder: Any
    connect: Callable[[], Any]
    writable: Callable[[], Any]

    def warehouse(self, sql_folder: Path = SQL_FOLDER) -> SqlWarehouse:
        """Make the reader under test."""
        return SqlWarehouse(self.connect, self.dialect, self.placeholder, sql_folder)

    def run(self, sql: str) -> None:
        """Run one statement, as a loader or an administrator would."""
        with closing(self.writable()) as connection:
            connection.execute(sql)

    def create(self, **types: str) -> None:
        """Start with an empty table; some columns may have other types."""
        columns = ", ".join(f"{name} {kind}" for name, kind in {**COLUMNS, **types}.items())
        self.run("DROP TABLE IF EXISTS trades")
        self.run(f"CREATE TABLE trades ({columns})")

    def insert(self, *trades: dict[str, Any]) -> None:
        """Load trades."""
        mark = "%s" if self.dialect == "postgres" else "?"
        marks = ", ".join([mark] * len(COLUMNS))
        with closing(self.writable()) as connection:
            connection.cursor().executemany(
                f"INSERT INTO trades VALUES ({marks})",
                [[row[name] for name in COLUMNS] for row in trades],
            )


@pytest.fixture(scope="session")
def sql_with_fees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQL folder with a trades.sql that names the currencies of fees, too."""
    folder = Path(copytree(SQL_FOLDER, tmp_path_factory.mktemp("fees") / "sql"))
    text = (folder / "trades.sql").read_text()
    optional = "    seller_fee,\n    buyer_fee_currency,\n    seller_fee_currency\n"
    selected = text.replace("    seller_fee\n", optional)
    assert selected != text
    (folder / "trades.sql").write_text(selected)
    return folder


@pytest.fixture(scope="session")
def postgres_uri(postgres: EmbeddedServer) -> str:
    """Make a database for the trades, in the session's PostgreSQL."""
    url = postgres.url("warehouse").set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


@pytest.fixture
def duckdb_backend(tmp_path: Path) -> Backend:
    """Read and write a DuckDB file."""
    file = str(tmp_path / "trades.duckdb")
    return Backend(
        "duckdb",
        "duckdb",
        "?",
        connect=lambda: duckdb.connect(file, read_only=True),
        writable=lambda: duckdb.connect(file),
    )


@pytest.fixture
def postgres_backend(postgres_uri: str) -> Backend:
    """PostgreSQL through psycopg 3."""
    return Backend(
        "psycopg",
        "postgres",
        "%s",
        connect=lambda: psycopg.connect(postgres_uri),
        writable=lambda: psycopg.connect(
            postgres_uri,
            autocommit=True,
            # a reader that was not closed makes a test fail, not wait
            options="-c lock_timeout=60s",
        ),
    )


DRIVERS = ("duckdb", "psycopg", "psycopg2")
ALL = (*DRIVERS, "snowflake")


@pytest.fixture(params=DRIVERS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each database and driver in turn, with an empty table of trades."""
    return chosen_backend(request)


def chosen_backend(request: pytest.FixtureRequest, name: str | None = None) -> Backend:
    """The database, driver or stand-in of that name, or of a fixture's, with an empty table."""
    name = name or request.param
    if name in {"psycopg", "psycopg2"}:
        chosen: Backend = request.getfixturevalue("postgres_backend")
    else:
        chosen = request.getfixturevalue("duckdb_backend")
    if name == "snowflake":
        chosen = as_snowflake(chosen)
    if name == "psycopg2":
        uri = request.getfixturevalue("postgres_uri")
        chosen = Backend(
            "psycopg2", "postgres", "%s", lambda: psycopg2.connect(uri), chosen.writable
        )
    chosen.create()
    return chosen


def as_snowflake(real: Backend) -> Backend:
    """The stand-in of Snowflake, over a DuckDB file that is loaded directly."""
    return Backend("snowflake", "snowflake", "%s", lambda: StandIn(real.connect()), real.writable)
