"""What it costs that every trade is known: a date computed on top of a long memory, and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
from compute import KIB, MILLION, SQL_FOLDER, peak
from processes import in_a_process
from sqlalchemy import URL, text

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
from settlement.ledger.trade_memory import lock_trades, remember
from settlement.steps import compute
from settlement.steps.desk import Desk
from settlement.steps.fresh_reading import FreshReading
from settlement.values import Actor
from settlement.warehouse.hashed_ids import NONE, ReadIds
from settlement.warehouse.reader import TradeIds
from settlement.warehouse.sql import SqlWarehouse
from support.in_process import SandboxApi

DAY = date(2030, 3, 4)
IDS = {
    "ids that ascend": "'t' || lpad(CAST({number} AS VARCHAR), 12, '0')",
    "random ids": "CAST(md5('salt' || {number}) AS VARCHAR)",
}
REPEATED = "SELECT trade_id FROM trades GROUP BY trade_id HAVING COUNT(*) > 1"


@dataclass(frozen=True)
class Size:
    """Trades of the date, and how many dates of as many are remembered."""

    trades: int
    dates: int
    clients: int
    width: dict[str, int]
    """Of the beginnings, as a reading of such ids would choose it."""
    goal: str


SIZES = (
    Size(MILLION, 60, 6_250, {"ids that ascend": 10, "random ids": 2}, "≤ 1.5"),
    Size(50_000, 720, 312, {"ids that ascend": 10, "random ids": 1}, "≤ 1 s more; {more}"),
)


def remembering(folder: Path) -> list[dict[str, str]]:
    """Time of the step on top of a memory, against the same step that neither asks nor stores."""
    figures = []
    for size in SIZES:
        for kind in IDS:
            place = folder / f"{size.trades}-{kind.split()[0]}"
            place.mkdir()
            figures += _measured(place, size, kind)
    return figures


def _measured(place: Path, size: Size, kind: str) -> list[dict[str, str]]:
    server = EmbeddedServer.start(place / "postgres")
    file = place / "trades.duckdb"
    url, empty = (_ledger(server, name) for name in ("remembering", "empty"))
    in_a_process(_seed, file, size, kind)
    in_a_process(_remember, url, size, kind)
    stored = _bytes_per_million(url)
    without = in_a_process(_compute, file, empty, asks=False)
    ours = in_a_process(_compute, file, url, asks=True)
    server.stop()
    held = size.trades * size.dates
    measured = f"compute {size.trades:,} trades on top of {held:,} remembered ones, {kind}"
    return [
        {
            "measured": measured,
            "ours": f"{ours[0]:.2f} s, {ours[1] >> 20:,} MiB",
            "instead": f"without memory: {without[0]:.2f} s, {without[1] >> 20:,} MiB",
            "ratio": f"{ours[0] / without[0]:.2f}",
            "goal": size.goal.format(more=f"{ours[0] - without[0]:.2f} s"),
        },
        {
            "measured": f"ledger space for a million remembered trades, {kind}",
            "ours": f"{stored / (1 << 20):.0f} MiB",
            "instead": "the hashes alone: 8 MiB",
            "ratio": f"{stored / (8 << 20):.1f}",
            "goal": "—",
        },
    ]


def _ledger(server: EmbeddedServer, name: str) -> URL:
    url = server.url(name)
    ledger = Ledger.connect(url)
    upgrade_ledger(ledger)
    ledger.engine.dispose()
    return url


def _seed(file: Path, size: Size, kind: str) -> None:
    window = BusinessCalendar(load_partner("demo")).window(DAY)
    connections = [each.id for each in demo_connections(size.clients)]
    seed_day(file, "demo", window, connections, DEMO_CURRENCIES, trades=size.trades, seed=1)
    first = size.trades * size.dates
    with closing(duckdb.connect(str(file))) as connection:
        trade_id = IDS[kind].format(number=f"({first} + rowid)")
        connection.execute(f"UPDATE trades SET trade_id = {trade_id}")


def _remember(url: URL, size: Size, kind: str) -> None:
    """Remember the ids of all earlier dates, as their readings would have given them."""
    ledger = Ledger.connect(url)
    with closing(duckdb.connect()) as connection:
        for number in range(size.dates):
            groups = _groups(connection, size, kind, number)
            with ReadIds(groups) as ids, ledger.transaction() as tx:
                lock_trades(tx, "demo")
                remember(tx, "demo", DAY - timedelta(days=size.dates - number), ids)
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection_:
        connection_.execute(text("VACUUM ANALYZE"))
        connection_.execute(text("CHECKPOINT"))
    ledger.engine.dispose()


def _groups(
    connection: duckdb.DuckDBPyConnection, size: Size, kind: str, number: int
) -> Iterator[TradeIds]:
    first, width = number * size.trades, size.width[kind]
    trade_id = IDS[kind].format(number="i")
    connection.execute(
        f"SELECT left(id, {width}), string_agg(substr(md5(id), 1, 16), ''), "
        f"string_agg(substr(id, {width + 1}), chr(10)) FROM (SELECT {trade_id} AS id "
        f"FROM range({first}, {first + size.trades}) AS t (i)) GROUP BY 1"
    )
    for beginning, hashes, endings in connection.fetchall():
        yield TradeIds(beginning, bytes.fromhex(hashes), endings)


def _bytes_per_million(url: URL) -> float:
    ledger = Ledger.connect(url)
    with ledger.transaction() as tx:
        size = tx.execute(text("SELECT pg_total_relation_size('remembered_trades')")).scalar_one()
        count = tx.execute(text("SELECT SUM(trade_count) FROM remembered_date")).scalar_one()
    ledger.engine.dispose()
    return float(size / count * MILLION)


def _compute(file: Path, url: URL, *, asks: bool) -> tuple[float, int]:
    """Seconds and peak memory of the step in a process of its own."""
    if not asks:
        _without_memory()
    ledger = Ledger.connect(url)
    connect = partial(duckdb.connect, str(file), read_only=True)
    warehouse = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    world, now = demo_world(), partial(datetime.now, UTC)
    api = SandboxApi(Sandbox(Store(), now, Settings(), world))
    file_of_demo = load_partner("demo")
    compute.BusinessCalendar.require_due = lambda *_: None  # type: ignore[method-assign]
    compute.CLOCKS_DIFFER = timedelta(days=10_000)
    desk = Desk(ledger, file_of_demo, lambda: api, Actor("bench"))
    started = perf_counter()
    compute.compute_net_positions(desk, warehouse, DAY)
    seconds = perf_counter() - started
    ledger.engine.dispose()
    return seconds, peak() // KIB * KIB


def _without_memory() -> None:
    """The step as it would be: repeated ids are looked for by the warehouse, and that is all."""

    def repeated(reading: Any, _about: str) -> ReadIds:
        session, statements = reading._session, reading._statements
        sql = f"WITH trades AS NOT MATERIALIZED (\n{statements._source()}\n)\n{REPEATED}"
        assert list(session.stream("looking for repeated ids", sql, reading._values)) == []
        return ReadIds([])

    def all_own(*given: Any) -> compute.OwnTrades:
        fresh: FreshReading = given[3]
        return NothingRemembered(fresh.trades, fresh.ids, NONE, NONE, None, 0)

    compute.read_trade_ids = repeated
    compute.own_trades = all_own


class NothingRemembered(compute.OwnTrades):
    """What a step without memory knows of the trades."""

    def require_own(self, *_: object) -> None:
        """Nobody is asked."""

    def remember(self, *_: object, **__: object) -> str:
        """Nothing is stored."""
        return ""
