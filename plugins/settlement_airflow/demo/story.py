"""The chapters of the story, and the comparison that ends it."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

import settlement
from partner_sandbox.demo_trades import add_late_trades, seed_day
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.ledger.install.embedded import home
from settlement.request.external_id import parse_external_id
from settlement.values import PositionKey
from settlement.warehouse.sql import SqlWarehouse
from settlement_airflow.demo.stage import WAREHOUSE_FILE, Stage, set_up

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
DAYS = (MONDAY, TUESDAY, WEDNESDAY)
TRADES_A_DAY = 50_000
LATE_TRADES = 12
SQL_FOLDER = Path(settlement.__file__).parents[1] / "sql"


def tell() -> int:
    """Tell the whole story; 0 if every position of every day is settled at its end."""
    console = Console(highlight=False)
    with set_up(console, home() / "demo") as stage:
        demo = load_partner("demo")
        _seed(stage, demo)
        codes = [
            _first_run(stage),
            _again(stage),
            _late_trades(stage, demo),
            _lost_answer(stage),
            _lost_ledger(stage, demo),
            _conflict(stage),
        ]
        return _compare(stage, demo) or max(codes)


def _seed(stage: Stage, demo: PartnerFile) -> None:
    stage.chapter(
        "Three days of trading",
        "100 clients trade 8 currencies, two of them with 18 decimals: 50,000 trades a day.",
    )
    calendar = BusinessCalendar(demo)
    clients = [each.id for each in demo_connections()]
    table = Table("business date", "window (UTC)", "trades")
    for day in DAYS:
        window = calendar.window(day)
        written = seed_day(
            stage.home / WAREHOUSE_FILE,
            demo.name,
            window,
            clients,
            DEMO_CURRENCIES,
            trades=TRADES_A_DAY,
            seed=1,
        )
        table.add_row(
            str(day), f"{window.start:%m-%d %H:%M} to {window.end:%m-%d %H:%M}", f"{written:,}"
        )
    stage.console.print(table)


def _first_run(stage: Stage) -> int:
    stage.chapter(
        "1. The first day settles",
        "One Airflow run: read the trades, net them, build, sign, submit, verify.",
    )
    return stage.command("run", "demo", str(MONDAY))


def _again(stage: Stage) -> int:
    stage.chapter(
        "2. Run it again: nothing to settle",
        "A run sends the difference to what is booked. For a settled day that is nothing.",
    )
    return stage.command("run", "demo", str(MONDAY))


def _late_trades(stage: Stage, demo: PartnerFile) -> int:
    added = _add_late_trades(stage, demo, MONDAY)
    stage.chapter(
        "3. Late trades: only the difference",
        f"{added} trades of the first day are loaded late. The next run settles just them.",
    )
    return stage.command("run", "demo", str(MONDAY))


def _lost_answer(stage: Stage) -> int:
    stage.chapter(
        "4. An answer is lost after the partner has booked",
        "The connection breaks and nobody knows whether money moved. The scheduler retries with "
        "the same bytes, and the partner answers with the settlement that it already holds.",
    )
    _script(stage, {"fault": "drop_after", "route": "submit", "external_id": f"demo-{TUESDAY}-1"})
    return stage.command("run", "demo", str(TUESDAY))


def _lost_ledger(stage: Stage, demo: PartnerFile) -> int:
    stage.lose_the_ledger()
    added = _add_late_trades(stage, demo, TUESDAY)
    stage.chapter(
        "5. The ledger is lost",
        f"Its database is dropped, and {added} more late trades arrive. The next run reads at the "
        "partner what is booked, and settles only what is not.",
    )
    return stage.command("run", "demo", str(TUESDAY))


def _conflict(stage: Stage) -> int:
    stage.chapter(
        "6. A 409 that turns out to be ours",
        "The answer is lost again, and the retry meets a 409. The reconciliation task reads the "
        "partner's transfers, finds that they equal our own request, and closes it.",
    )
    external_id = f"demo-{WEDNESDAY}-1"
    _script(stage, {"fault": "drop_after", "route": "submit", "external_id": external_id})
    _script(stage, {"fault": "conflict", "route": "submit", "external_id": external_id})
    code = stage.command("run", "demo", str(WEDNESDAY))
    return code or stage.command("show", "demo", str(WEDNESDAY))


def _script(stage: Stage, rule: dict[str, Any]) -> None:
    stage.control("POST", "faults", {"rules": [rule]})
    stage.console.print(
        f"[dim]sandbox: next {rule['route']} of {rule['external_id']}: {rule['fault']}"
    )


def _add_late_trades(stage: Stage, demo: PartnerFile, day: date) -> int:
    calendar = BusinessCalendar(demo)
    return add_late_trades(
        stage.home / WAREHOUSE_FILE,
        demo.name,
        calendar.window(day),
        [each.id for each in demo_connections()],
        DEMO_CURRENCIES,
        count=LATE_TRADES,
        recorded_at=calendar.cut_off(day) + timedelta(hours=10),
    )


def _compare(stage: Stage, demo: PartnerFile) -> int:
    """Net positions straight from the warehouse against what the partner has booked."""
    stage.chapter(
        "What the partner has booked, against the warehouse",
        "Summed from the partner's own bookings and from the trades; the ledger is not asked.",
    )
    booked, requests = _booked(stage)
    table = Table("business date", "requests", "positions", "settled", "difference")
    total = settled = left = 0
    for day in DAYS:
        net = _net_positions(stage.home / WAREHOUSE_FILE, demo, day)
        of_day = booked.get(day, {})
        keys = net.keys() | of_day.keys()
        off = [key for key in keys if net.get(key, 0) != of_day.get(key, 0)]
        row = (len(requests.get(day, ())), len(keys), len(keys) - len(off), len(off))
        table.add_row(str(day), *map(str, row))
        total, settled, left = total + len(keys), settled + len(keys) - len(off), left + len(off)
    stage.console.print(table)
    stage.console.print(f"settled: {settled} of {total} positions, difference {left}")
    return 1 if left else 0


def _booked(stage: Stage) -> tuple[dict[date, dict[PositionKey, int]], dict[date, set[str]]]:
    """What the partner booked for each business date, and under which externalIds."""
    booked: dict[date, dict[PositionKey, int]] = {}
    requests: dict[date, set[str]] = {}
    for each in stage.control("GET", "bookings")["bookings"]:
        identity = parse_external_id(each["external_id"])
        if identity is not None:
            sums = booked.setdefault(identity.business_date, {})
            key = PositionKey(each["connection_id"], each["currency"])
            sums[key] = sums.get(key, 0) + int(each["amount"])
            requests.setdefault(identity.business_date, set()).add(each["external_id"])
    return booked, requests


def _net_positions(file: Path, demo: PartnerFile, day: date) -> dict[PositionKey, int]:
    connect = partial(duckdb.connect, str(file), read_only=True)
    warehouse = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    with warehouse.snapshot(demo, BusinessCalendar(demo).window(day)) as reading:
        return {line.key: line.amount for line in reading.net_positions()}
