"""Computing and freezing a day's net positions, against the bare SQL in DuckDB."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from time import perf_counter

import duckdb

from partner_sandbox.demo_trades import seed_day
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections
from settlement.business_calendar import BusinessCalendar
from settlement.ledger.database import Ledger
from settlement.ledger.embedded import EmbeddedServer
from settlement.ledger.upgrade import upgrade_ledger
from settlement.partner_file import load_partner
from settlement.steps.compute import compute_net_positions
from settlement.values import Actor
from settlement.warehouse.sql import SqlWarehouse

SQL_FOLDER = Path(__file__).parents[2] / "include" / "sql"
TRADES = 1_000_000
CLIENTS = 2_000
DAY = date(2026, 3, 2)


def compute_and_freeze(folder: Path) -> list[dict[str, str]]:
    """Wall time of the whole step, checks included, and of its one aggregate alone."""
    partner = load_partner("demo")
    file = folder / "trades.duckdb"
    connections = [each.id for each in demo_connections(CLIENTS)]
    window = BusinessCalendar(partner).window(DAY)
    seed_day(file, "demo", window, connections, DEMO_CURRENCIES, trades=TRADES, seed=1)
    server = EmbeddedServer.start(folder / "postgres")
    ledger = Ledger.connect(server.url("ledger"))
    upgrade_ledger(ledger)

    def connect() -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(file), read_only=True)

    warehouse = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    started = perf_counter()
    computed = compute_net_positions(ledger, warehouse, partner, DAY, Actor("bench"))
    ours = perf_counter() - started
    started = perf_counter()
    with warehouse.snapshot(partner, window) as reading:
        rows = sum(1 for _ in reading.net_positions())
    bare = perf_counter() - started
    ledger.engine.dispose()
    server.stop()
    with closing(connect()) as connection:
        trades = connection.execute("SELECT count(*) FROM trades").fetchall()[0][0]
    return [
        {
            "measured": f"compute and freeze {trades:,} trades onto {rows:,} positions",
            "ours": f"{ours:.2f} s ({computed.position_count:,} positions frozen, all checks)",
            "instead": f"the aggregate alone: {bare:.2f} s",
            "ratio": f"{ours / bare:.2f}",
            "goal": "≤ 1.5",
        }
    ]
