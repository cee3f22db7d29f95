"""Computing and freezing a day's net positions, against the bare SQL in DuckDB."""

from __future__ import annotations

import resource
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from math import log
from pathlib import Path
from time import perf_counter

import duckdb
from processes import in_a_process
from sqlalchemy import URL

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
DAY = date(2026, 3, 2)
MILLION = 1_000_000
KIB = 1024
SIZES = ((MILLION, 2_000), (5 * MILLION, 20_000), (20 * MILLION, 125_000))
"""Trades, and the clients between whom they are made: eight positions each."""
BARE = """
SELECT connection_id, currency, CAST(SUM(moved) AS VARCHAR)
FROM (
    SELECT buyer_connection_id AS connection_id, base_currency AS currency, base_quantity AS moved
    FROM trades
    UNION ALL
    SELECT buyer_connection_id, quote_currency, -quote_quantity - buyer_fee FROM trades
    UNION ALL
    SELECT seller_connection_id, base_currency, -base_quantity FROM trades
    UNION ALL
    SELECT seller_connection_id, quote_currency, quote_quantity - seller_fee FROM trades
)
WHERE connection_id <> 'house'
GROUP BY ALL HAVING SUM(moved) <> 0 ORDER BY ALL
"""
"""What one would type instead: no window, no checks, nothing kept."""


@dataclass(frozen=True)
class Measured:
    """One reading in a process of its own."""

    seconds: float
    positions: int
    peak_bytes: int


def compute_and_freeze(folder: Path) -> list[dict[str, str]]:
    """Wall time and memory of the whole step, checks included, and of the one aggregate alone."""
    server = EmbeddedServer.start(folder / "postgres")
    measured: dict[int, Measured] = {}
    figures = []
    for trades, clients in SIZES:
        file = folder / f"{trades}.duckdb"
        url = _prepare(server, file, trades, clients)
        bare = in_a_process(_aggregate, file)
        measured[trades] = ours = in_a_process(_compute, file, url)
        assert ours.positions == bare.positions
        figures.append(_time_of(trades, ours, bare))
        file.unlink()
    server.stop()
    return [*figures, _growth_of(measured), _memory_of(measured)]


def _prepare(server: EmbeddedServer, file: Path, trades: int, clients: int) -> URL:
    window = BusinessCalendar(load_partner("demo")).window(DAY)
    connections = [each.id for each in demo_connections(clients)]
    seed_day(file, "demo", window, connections, DEMO_CURRENCIES, trades=trades, seed=1)
    url = server.url(f"ledger_{trades}")
    ledger = Ledger.connect(url)
    upgrade_ledger(ledger)
    ledger.engine.dispose()
    return url


def _aggregate(file: Path) -> Measured:
    with closing(duckdb.connect(str(file), read_only=True)) as connection:
        started = perf_counter()
        rows = connection.execute(BARE).fetchall()
        return Measured(perf_counter() - started, len(rows), _peak())


def _compute(file: Path, url: URL) -> Measured:
    ledger = Ledger.connect(url)
    connect = partial(duckdb.connect, str(file), read_only=True)
    warehouse = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    started = perf_counter()
    done = compute_net_positions(ledger, warehouse, load_partner("demo"), DAY, Actor("bench"))
    seconds = perf_counter() - started
    ledger.engine.dispose()
    return Measured(seconds, done.position_count, _peak())


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def _time_of(trades: int, ours: Measured, bare: Measured) -> dict[str, str]:
    return {
        "measured": f"compute and freeze {trades:,} trades onto {ours.positions:,} positions",
        "ours": f"{ours.seconds:.2f} s, all checks, kept in the ledger",
        "instead": f"the aggregate alone: {bare.seconds:.2f} s",
        "ratio": f"{ours.seconds / bare.seconds:.2f}",
        "goal": "≤ 1.5",
    }


def _growth_of(measured: dict[int, Measured]) -> dict[str, str]:
    few, many = min(measured), max(measured)
    exponent = log(measured[many].seconds / measured[few].seconds) / log(many / few)
    return {
        "measured": f"growth of that time from {few:,} to {many:,} trades",
        "ours": f"{measured[few].seconds:.2f} s to {measured[many].seconds:.2f} s",
        "instead": "trades to the power of 1",
        "ratio": f"{exponent:.2f}",
        "goal": "≤ 1.05",
    }


def _memory_of(measured: dict[int, Measured]) -> dict[str, str]:
    few, many = measured[min(measured)].peak_bytes, measured[max(measured)].peak_bytes
    return {
        "measured": f"peak memory of the task at {max(measured):,} trades",
        "ours": f"{many >> 20:,} MiB, DuckDB's own included",
        "instead": f"at {min(measured):,} trades: {few >> 20:,} MiB",
        "ratio": f"{many / few:.2f}",
        "goal": "flat",
    }
