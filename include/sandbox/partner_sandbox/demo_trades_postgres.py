"""The demo's made-up trades in a PostgreSQL warehouse: the same ones as in DuckDB."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg

from partner_sandbox.demo_trades import Span, seed_day

BATCH_ROWS = 10_000
_TABLE = """
CREATE TABLE IF NOT EXISTS trades (
    trade_id text PRIMARY KEY,
    partner text NOT NULL,
    executed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    buyer_connection_id text,
    seller_connection_id text,
    base_currency text NOT NULL,
    quote_currency text NOT NULL,
    base_quantity numeric NOT NULL,
    quote_quantity numeric NOT NULL,
    buyer_fee numeric NOT NULL,
    seller_fee numeric NOT NULL
);
CREATE INDEX IF NOT EXISTS trades_of_window ON trades (partner, executed_at)
"""
_SEEDED = "SELECT EXISTS (SELECT FROM trades WHERE trade_id = %s)"


def seed_day_postgres(  # noqa: PLR0913 - as `seed_day`
    conninfo: str,
    partner: str,
    window: Span,
    connections: Sequence[str],
    currencies: Mapping[str, int],
    *,
    trades: int,
) -> int:
    """Write a window's trades in one transaction, creating the table; return how many.

    A window that is already seeded is left as it is.

    :raises psycopg.OperationalError: if the database does not answer
    """
    with tempfile.TemporaryDirectory(prefix="seed") as folder:
        file = Path(folder) / "trades.duckdb"
        seed_day(file, partner, window, connections, currencies, trades=trades)
        with closing(duckdb.connect(str(file))) as made, psycopg.connect(conninfo) as warehouse:
            made.execute("SET TimeZone = 'UTC'")
            return _copy(made, warehouse)


def _copy(made: duckdb.DuckDBPyConnection, warehouse: psycopg.Connection) -> int:
    warehouse.execute(_TABLE)
    rows = made.execute("SELECT * FROM trades ORDER BY trade_id")
    batch = rows.fetchmany(BATCH_ROWS)
    if not batch or _is_seeded(warehouse, str(batch[0][0])):
        return 0
    written = 0
    with warehouse.cursor() as cursor, cursor.copy("COPY trades FROM STDIN") as copy:
        while batch:
            for row in batch:
                copy.write_row(row)
            written += len(batch)
            batch = rows.fetchmany(BATCH_ROWS)
    return written


def _is_seeded(warehouse: psycopg.Connection, trade_id: str) -> bool:
    found = warehouse.execute(_SEEDED, [trade_id]).fetchone()
    return found is not None and bool(found[0])
