"""Submitting a date of many requests: in the real scheduler against stock tasks, and paced."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from paced_submit import REQUESTS_PER_MINUTE, Paced, submit_paced
from processes import in_a_process
from real_airflow import RealAirflow, duration, real_airflow, seconds_between
from sqlalchemy import Row, select

from settlement.ledger.database import Ledger
from settlement.ledger.schema import attempt, body
from settlement_airflow.cli.stand_ins import LEDGER

STOCK = "stock_posts"
DAG_FILE = Path(__file__).parent / "dags" / f"{STOCK}.py"
TRADES = 20_000
CLIENTS = 250
"""Twice as many requests: each client's losses and gains are a request each."""
STOCK_TASKS = 60
"""Enough for a rate per task; as many as our requests would take several minutes."""


def submitting(folder: Path) -> list[dict[str, str]]:
    """Requests per second without a limit, and the share of the limit that is reached with one."""
    return [*_against_stock(folder / "stock"), _paced(folder / "paced")]


def _against_stock(folder: Path) -> list[dict[str, str]]:
    options = {"days": 1, "trades": TRADES, "clients": CLIENTS, "max_connections": 1}
    with real_airflow(folder, [DAG_FILE], **options) as airflow:
        (day,) = airflow.place.days
        first = airflow.scheduled(day)
        ours = _of_task(airflow, first, "submit_requests")
        sent = _sent(airflow, day)
        bodies = [each.request.decode() for each in sent[:STOCK_TASKS]]
        (airflow.dags / "bodies.json").write_text(json.dumps(bodies))
        airflow.known(STOCK)
        stock = _of_task(airflow, airflow.run(STOCK), "post")
        again = airflow.settle(day)
    assert len(stock) == STOCK_TASKS
    our_rate, stock_rate = len(sent) / _span(ours), len(stock) / _span(stock)
    return [
        {
            "measured": f"submit {len(sent)} requests of a date in the real scheduler, unpaced",
            "ours": f"{our_rate:.1f} a second, {len(ours)} task(s) in {_span(ours):.0f} s",
            "instead": f"a stock HttpOperator each: {stock_rate:.1f} a second, "
            f"{len(stock)} tasks in {_span(stock):.0f} s",
            "ratio": f"{our_rate / stock_rate:.1f}",
            "goal": "≥ 10",
        },
        {
            "measured": f"that day of {len(sent)} requests again, nothing left to settle",
            "ours": f"{duration(again):.1f} s",
            "instead": f"its first run: {duration(first):.1f} s",
            "ratio": f"{duration(again) / duration(first):.2f}",
            "goal": "≤ 0.6",
        },
    ]


def _of_task(airflow: RealAirflow, run: dict[str, Any], task_id: str) -> list[dict[str, Any]]:
    return [each for each in airflow.tasks(run) if each["task_id"] == task_id]


def _span(tasks: list[dict[str, Any]]) -> float:
    """Seconds from the start of the first task to the end of the last."""
    first, last = min(each["start_date"] for each in tasks), max(each["end_date"] for each in tasks)
    return seconds_between(first, last)


def _sent(airflow: RealAirflow, day: date) -> list[Row[Any]]:
    """The bodies of the date in the order in which they were sent, each once."""
    query = (
        select(body.c.external_id, body.c.request)
        .join(attempt, attempt.c.external_id == body.c.external_id)
        .where(attempt.c.kind == "submit", attempt.c.external_id.like(f"demo-{day}-%"))
        .order_by(attempt.c.id)
    )
    ledger = Ledger.connect(airflow.place.server.url(LEDGER))
    with ledger.transaction() as tx:
        found = list(tx.execute(query))
    ledger.engine.dispose()
    assert len({each.external_id for each in found}) == len(found)
    return found


def _paced(folder: Path) -> dict[str, str]:
    paced: Paced = in_a_process(submit_paced, folder)
    return {
        "measured": f"submit {paced.requests} requests where {REQUESTS_PER_MINUTE} a minute are "
        "let through",
        "ours": f"{paced.per_minute:.0f} a minute over {paced.seconds:.0f} s, "
        f"{paced.too_many} answered by 429",
        "instead": f"the limit: {REQUESTS_PER_MINUTE} a minute",
        "ratio": f"{paced.per_minute / REQUESTS_PER_MINUTE:.3f}",
        "goal": "≥ 0.95",
    }
