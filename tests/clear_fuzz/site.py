"""What the actions meet: a real Airflow, the sandbox in the partner's place, a warehouse."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clear_fuzz.runs import Runs
from clear_fuzz.trades import Trades
from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from support.airflow_site import AirflowSite, prepared_place, real_airflow
from support.rest import DAG

TRADES_A_DAY = 300
CONNECTIONS_PER_REQUEST = 60
"""The demo has a hundred clients: a date has several requests, and a clear may pick one."""


@dataclass(frozen=True)
class Site:
    """Everything at work, and the chance that is the story's."""

    chance: random.Random
    airflow: AirflowSite
    store: Store
    runs: Runs
    trades: Trades


@contextmanager
def running_site(home: Path, seed: int, days: int) -> Iterator[Site]:
    """Start everything in an empty folder with a short path; leave no process behind.

    The DAG is paused still: nothing runs before `Runs.begin`.
    """
    store = Store()
    sandbox = Sandbox(store, lambda: datetime.now(UTC), Settings(), demo_world())
    settings = {
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "SETTLEMENT_RETRY_DELAY_S": "0.2",
    }
    with (
        prepared_place(
            home, sandbox, days=days, trades=TRADES_A_DAY, max_connections=CONNECTIONS_PER_REQUEST
        ) as place,
        real_airflow(place, sandbox, **settings) as airflow,
    ):
        calendar = BusinessCalendar(load_partner("demo", place.partners))
        runs = Runs(airflow.rest, calendar, place.days)
        airflow.rest.known(DAG)
        trades = Trades(airflow.warehouse, calendar, place.days)
        yield Site(random.Random(seed), airflow, store, runs, trades)
