"""The settlement pages over a large ledger, against Airflow's own grid, in one browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from playwright.sync_api import Page
from real_airflow import SETTLE, RealAirflow, real_airflow
from sqlalchemy import text

from settlement.ledger.database import Ledger
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import FIRST_DATE, Place
from support.browser import browsing

ROUNDS = 5
PARTNERS = 20
DATES = 250
FILL = Path(__file__).with_name("full_ledger.sql")
PAUSED = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
Seen = Callable[[Page], None]


def paging(folder: Path) -> list[dict[str, str]]:
    """Medians of some rounds, in each of which every page is asked for once."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=DATES - 1)
    with real_airflow(folder, [], days=1, trades=1000, **PAUSED) as airflow:
        _fill(airflow.place, first, last)
        airflow.rest.unpause(SETTLE)
        airflow.scheduled(airflow.place.days[-1])
        took = _loaded(airflow, last)
    grid = took.pop("grid")
    return [
        {
            "measured": f"{name}: {PARTNERS} partners, {PARTNERS * DATES:,} dates, 1,000,000 lines",
            "ours": f"{seconds:.2f} s",
            "instead": f"Airflow's grid: {grid:.2f} s",
            "ratio": f"{seconds / grid:.2f}",
            "goal": "≤ 1",
        }
        for name, seconds in took.items()
    ]


def _fill(place: Place, first: date, last: date) -> None:
    demo = (place.partners / "demo.toml").read_text()
    for number in range(1, PARTNERS + 1):
        file = place.partners / f"p{number}.toml"
        file.write_text(FIRST_DATE.sub(f"first_business_date = {first}", demo))
    ledger = Ledger.connect(place.server.url(LEDGER))
    with ledger.transaction() as tx:
        for statement in FILL.read_text("utf-8").split(";\n"):
            tx.execute(text(statement.replace("::", r"\:\:")), {"first": first, "last": last})
    ledger.engine.dispose()


def _loaded(airflow: RealAirflow, last: date) -> dict[str, float]:
    pages: dict[str, tuple[str, Seen]] = {
        "grid": (f"dags/{SETTLE}", _first_task),
        "the settlements": ("settlement/", _heading("Settlements")),
        "a date": (f"settlement/partners/p1/dates/{last}", _heading(f"p1 {last}")),
        "a request": (f"settlement/requests/p1-{last}-1", _heading(f"p1-{last}-1")),
        "the questions": ("settlement/questions", _heading("Questions")),
        "the findings": ("settlement/findings", _heading("Findings of the watch")),
    }
    took: dict[str, list[float]] = {name: [] for name in pages}
    with browsing(airflow.rest.url) as browser:
        for number in range(1 + ROUNDS):  # the first one warms up
            for name, (path, seen) in pages.items():
                browser.page.goto("about:blank")
                started = perf_counter()
                browser.page.goto(f"{airflow.rest.url}/{path}", wait_until="commit")
                seen(browser.page)
                if number:
                    took[name].append(perf_counter() - started)
    return {name: median(each) for name, each in took.items()}


def _first_task(page: Page) -> None:
    page.get_by_text("verify_settled").first.wait_for()


def _heading(title: str) -> Seen:
    return lambda page: page.get_by_role("heading", name=title).first.wait_for()
