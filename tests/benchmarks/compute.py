"""Computing and freezing a day's net positions, against the bare SQL in DuckDB."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from math import log
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import duckdb
from processes import in_a_process
from sqlalchemy import URL

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_trades import seed_day
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections, demo_world
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import upgrade_ledger
from settlement.steps.compute import compute_net_positions
from settlement.steps.desk import Desk
from settlement.values import Actor
from settlement.warehouse.sql import SqlWarehouse
from support.in_process import SandboxApi

SQL_FOLDER = Path(__file__).parents[2] / "include" / "sql"
DAY = date(2026, 3, 2)
MILLION = 1_000_000
KIB = 1024
SIZES = ((MILLION, 6_250), (5 * MILLION, 31_250), (20 * MILLION, 125_000))
"""Trades, and the clients between whom they are made: eight positions each."""
GOALS = {20 * MILLION: ("≤ 2.5", "≤ 1.15")}
"""Against the aggregate, and against all its SQL."""
Statement: TypeAlias = tuple[str, Sequence[object]]
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
    """Wall time and memory of the whole step, of the one aggregate, and of all its SQL alone."""
    server = EmbeddedServer.start(folder / "postgres")
    measured: dict[int, Measured] = {}
    alone: dict[int, Measured] = {}
    figures = []
    for trades, clients in SIZES:
        file = folder / f"{trades}.duckdb"
        url = _ledger(server, trades)
        in_a_process(_seed, file, trades, clients)
        alone[trades] = bare = in_a_process(_aggregate, file)
        measured[trades] = ours = in_a_process(_compute, file, url)
        assert ours.positions == bare.positions
        sql = in_a_process(_typed, file, in_a_process(_statements, file))
        of_bare, of_sql = GOALS.get(trades, ("—", "—"))
        figures += [
            _time_of(trades, ours, bare, "the aggregate alone", of_bare),
            _time_of(trades, ours, sql, "all its SQL, typed into DuckDB", of_sql),
        ]
        file.unlink()
    server.stop()
    return [*figures, _growth_of(measured, alone), _memory_of(measured)]


def _seed(file: Path, trades: int, clients: int) -> None:
    """In a process of its own as well: one started later would inherit the peak of its memory."""
    window = BusinessCalendar(load_partner("demo")).window(DAY)
    connections = [each.id for each in demo_connections(clients)]
    seed_day(file, "demo", window, connections, DEMO_CURRENCIES, trades=trades, seed=1)


def _ledger(server: EmbeddedServer, trades: int) -> URL:
    url = server.url(f"ledger_{trades}")
    ledger = Ledger.connect(url)
    upgrade_ledger(ledger)
    ledger.engine.dispose()
    return url


def _aggregate(file: Path) -> Measured:
    with closing(duckdb.connect(str(file), read_only=True)) as connection:
        started = perf_counter()
        rows = connection.execute(BARE).fetchall()
        return Measured(perf_counter() - started, len(rows), peak())


class _Recording:
    """A connection that keeps the statements it runs."""

    def __init__(self, file: Path, statements: list[Statement]) -> None:
        self._connection = duckdb.connect(str(file), read_only=True)
        self._statements = statements

    def execute(self, text: str, parameters: Sequence[object] = ()) -> Any:
        self._statements.append((text, parameters))
        return self._connection.execute(text, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _statements(file: Path) -> list[Statement]:
    """What the step asks the warehouse, its settings included."""
    statements: list[Statement] = []
    partner = load_partner("demo")
    warehouse = SqlWarehouse(lambda: _Recording(file, statements), "duckdb", "?", SQL_FOLDER)
    with warehouse.snapshot(partner, BusinessCalendar(partner).window(DAY)) as reading:
        reading.check()
        reading.trade_count()
        reading.house_positions()
        for _ in reading.trade_ids():
            pass
        next(reading.net_positions())
    return statements


def _typed(file: Path, statements: Sequence[Statement]) -> Measured:
    with closing(duckdb.connect(str(file), read_only=True)) as connection:
        started = perf_counter()
        for text, parameters in statements:
            rows = connection.execute(text, parameters).fetchall()
        return Measured(perf_counter() - started, len(rows), peak())


def _compute(file: Path, url: URL) -> Measured:
    ledger = Ledger.connect(url)
    connect = partial(duckdb.connect, str(file), read_only=True)
    warehouse = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    partner, world = load_partner("demo"), demo_world()
    api = SandboxApi(Sandbox(Store(), partial(datetime.now, UTC), Settings(), world))
    started = perf_counter()
    done = compute_net_positions(Desk(ledger, partner, lambda: api, Actor("bench")), warehouse, DAY)
    seconds = perf_counter() - started
    ledger.engine.dispose()
    return Measured(seconds, done.position_count, peak())


def peak() -> int:
    """Most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def _time_of(
    trades: int, ours: Measured, instead: Measured, name: str, goal: str
) -> dict[str, str]:
    return {
        "measured": f"compute and freeze {trades:,} trades onto {ours.positions:,} positions",
        "ours": f"{ours.seconds:.2f} s, all checks, kept in the ledger",
        "instead": f"{name}: {instead.seconds:.2f} s",
        "ratio": f"{ours.seconds / instead.seconds:.2f}",
        "goal": goal,
    }


def _growth_of(measured: dict[int, Measured], alone: dict[int, Measured]) -> dict[str, str]:
    few, many = min(measured), max(measured)
    return {
        "measured": f"growth of that time from {few:,} to {many:,} trades",
        "ours": f"{measured[few].seconds:.2f} s to {measured[many].seconds:.2f} s",
        "instead": f"the aggregate alone: trades to the power of {_exponent(alone):.2f}",
        "ratio": f"to the power of {_exponent(measured):.2f}",
        "goal": "≤ 1.05",
    }


def _exponent(measured: dict[int, Measured]) -> float:
    few, many = min(measured), max(measured)
    return log(measured[many].seconds / measured[few].seconds) / log(many / few)


def _memory_of(measured: dict[int, Measured]) -> dict[str, str]:
    few, many = measured[min(measured)].peak_bytes, measured[max(measured)].peak_bytes
    return {
        "measured": f"peak memory of the task at {max(measured):,} trades",
        "ours": f"{many >> 20:,} MiB, DuckDB's own included",
        "instead": f"at {min(measured):,} trades: {few >> 20:,} MiB",
        "ratio": f"{many / few:.2f}",
        "goal": "flat; at most 1 GB of DuckDB's",
    }
