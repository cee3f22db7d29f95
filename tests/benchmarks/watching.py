"""The watch over a year of settled dates, against the same questions asked date by date."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
from compute import SQL_FOLDER, peak
from processes import in_a_process
from sqlalchemy import URL

from partner_sandbox.demo_trades import seed_day
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.ledger.database import Ledger
from settlement.ledger.dates import next_generation
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import upgrade_ledger
from settlement.ledger.snapshots import (
    Reading,
    Snapshot,
    newest_snapshots,
    store_snapshot,
    stream_positions,
)
from settlement.values import Actor
from settlement.warehouse import change_in_history
from settlement.warehouse.session import Session
from settlement.warehouse.sql import SqlWarehouse
from settlement.watch.context import WatchContext
from settlement.watch.date_changes import read_changes

LAST = date(2026, 3, 2)
DATES = 365
TRADES = 50_000
CLIENTS = 100
BENCH = Actor("bench")


def watching(folder: Path) -> list[dict[str, str]]:
    """Wall time and memory of one thorough look at the warehouse, nothing changed."""
    server = EmbeddedServer.start(folder / "postgres")
    url, file = server.url("watched"), folder / "trades.duckdb"
    ledger = Ledger.connect(url)
    upgrade_ledger(ledger)
    ledger.engine.dispose()
    in_a_process(_seed, file)
    in_a_process(_freeze_all, file, url)
    ours, statements, held = in_a_process(_look, file, url)
    instead = in_a_process(_one_by_one, file, url)
    server.stop()
    return [
        {
            "measured": f"the watch compares {DATES} settled dates of {TRADES:,} trades",
            "ours": f"{ours:.1f} s, {statements} statements, {held >> 20:,} MiB",
            "instead": f"a transaction for each date: {instead:.1f} s",
            "ratio": f"{ours / instead:.2f}",
            "goal": "≤ 30 s",
        }
    ]


def _partner() -> PartnerFile:
    changes = {"first_business_date": LAST - timedelta(days=DATES - 1)}
    return load_partner("demo").model_copy(update=changes)


def _seed(file: Path) -> None:
    """The trades of one date by the sandbox's seed, the others as copies of it under other ids."""
    calendar = BusinessCalendar(_partner())
    window = calendar.window(LAST)
    connections = [each.id for each in demo_connections(CLIENTS)]
    seed_day(file, "demo", window, connections, DEMO_CURRENCIES, trades=TRADES, seed=1)
    with closing(duckdb.connect(str(file))) as connection:
        connection.execute("CREATE TABLE year AS SELECT * FROM trades")
        connection.execute("ALTER TABLE trades RENAME TO one_date")
        for number in range(1, DATES):
            earlier = calendar.window(LAST - timedelta(days=number))
            back = window.start - earlier.start
            connection.execute(
                "INSERT INTO year SELECT * REPLACE (? || trade_id AS trade_id, "
                "executed_at - ? AS executed_at, recorded_at - ? AS recorded_at) FROM one_date "
                "WHERE executed_at - ? < ?",
                [f"{number:03}-", back, back, back, earlier.end],
            )
        connection.execute("DROP TABLE one_date")
        connection.execute("ALTER TABLE year RENAME TO trades")


def _freeze_all(file: Path, url: URL) -> None:
    ledger, partner, warehouse = Ledger.connect(url), _partner(), _warehouse(file)
    for number in reversed(range(DATES)):
        day = LAST - timedelta(days=number)
        with ledger.transaction() as tx:
            frozen = next_generation(tx, partner, day, BENCH)
        with warehouse.snapshot(partner, frozen.window) as reading, ledger.transaction() as tx:
            kept = Reading(
                reading.trade_count(),
                reading.watermark(),
                reading.newest_executed_at(),
                reading.query_text,
            )
            store_snapshot(tx, frozen, reading.net_positions(), kept, BENCH)
    ledger.engine.dispose()


def _look(file: Path, url: URL) -> tuple[float, int, int]:
    """Seconds, statements and peak memory; the dates' status is another check's."""
    asked = _count_statements()
    ledger = Ledger.connect(url)
    context = WatchContext(
        ledger, _partner(), lambda: _warehouse(file), _no_api, None, datetime.now(UTC)
    )
    assert len(context.date_statuses) >= DATES
    started = perf_counter()
    found = read_changes(context)
    seconds = perf_counter() - started
    assert not found.changed
    ledger.engine.dispose()
    return seconds, len(asked), peak()


def _one_by_one(file: Path, url: URL) -> float:
    """What one would write first: each date's count and positions in a reading of its own."""
    ledger, partner, warehouse = Ledger.connect(url), _partner(), _warehouse(file)
    with ledger.transaction() as tx:
        snapshots = newest_snapshots(tx, "demo")
    started = perf_counter()
    for snapshot in snapshots.values():
        assert not _differs(ledger, warehouse, partner, snapshot)
    seconds = perf_counter() - started
    ledger.engine.dispose()
    return seconds


def _differs(
    ledger: Ledger, warehouse: SqlWarehouse, partner: PartnerFile, snapshot: Snapshot
) -> bool:
    assert snapshot.watermark is not None
    with warehouse.snapshot(partner, snapshot.window) as reading, ledger.transaction() as tx:
        change = change_in_history(
            snapshot.trade_count,
            stream_positions(tx, snapshot.id),
            reading.trade_count_until(snapshot.watermark),
            reading.net_positions_until(snapshot.watermark),
        )
    return change is not None


def _count_statements() -> list[str]:
    asked: list[str] = []
    run = Session.stream

    def counted(self: Session, doing: str, *given: Any, **named: Any) -> Any:
        asked.append(doing)
        return run(self, doing, *given, **named)

    Session.stream = counted  # type: ignore[method-assign]
    return asked


def _warehouse(file: Path) -> SqlWarehouse:
    return SqlWarehouse(
        partial(duckdb.connect, str(file), read_only=True), "duckdb", "?", SQL_FOLDER
    )


def _no_api() -> Any:
    raise AssertionError("this check asks the warehouse alone")
