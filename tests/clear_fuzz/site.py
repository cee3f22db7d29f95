"""What the actions meet: a real Airflow, the sandbox in the partner's place, a warehouse."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from clear_fuzz.runs import Runs
from clear_fuzz.trades import Trades
from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.server import running
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.ledger.database import Ledger
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import Place, free_port, prepare
from settlement_airflow.up.stack import LocalStack, airflow_settings, settlement
from support.one_airflow import only_airflow
from support.rest import AirflowRest

TRADES_A_DAY = 300
CONNECTIONS_PER_REQUEST = 60
"""The demo has a hundred clients: a date has several requests, and a clear may pick one."""


@dataclass(frozen=True)
class Site:
    """Everything at work; `days` are the business dates that have trades, oldest first."""

    chance: random.Random
    partner: PartnerFile
    days: Sequence[date]
    stack: LocalStack
    runs: Runs
    sandbox: Sandbox
    store: Store
    ledger: Ledger
    trades: Trades

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command `settlement` as a person at this site would."""
        return self.stack.person(settlement(*arguments))


class Stack(LocalStack):
    """The local Airflow, and people who type commands beside it."""

    def person(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command with the environment of the components."""
        return subprocess.run(
            command, env=self._all_variables(), capture_output=True, text=True, check=False
        )


@contextmanager
def running_site(home: Path, seed: int, days: int) -> Iterator[Site]:
    """Start everything in an empty folder with a short path; leave no process behind.

    The DAG is paused still: nothing runs before `Runs.begin`.
    """
    store = Store()
    sandbox = Sandbox(store, lambda: datetime.now(UTC), Settings(), demo_world())
    with only_airflow(), running(sandbox) as url:
        place = prepare(
            home,
            int(url.rsplit(":", 1)[1]),
            days=days,
            trades=TRADES_A_DAY,
            max_connections=CONNECTIONS_PER_REQUEST,
        )
        port = free_port(0)
        stack = Stack(home, _settings(place, port), port)
        ledger = Ledger.connect(place.server.url(LEDGER))
        try:
            stack.start()
            partner = load_partner("demo", home / "partners")
            calendar = BusinessCalendar(partner)
            runs = Runs(AirflowRest(f"http://127.0.0.1:{port}"), calendar, place.days)
            runs.wait_for_dag()
            trades = Trades(home / "warehouse.duckdb", calendar, place.days)
            chance = random.Random(seed)
            yield Site(chance, partner, place.days, stack, runs, sandbox, store, ledger, trades)
        finally:
            stack.stop()
            ledger.engine.dispose()
            place.server.stop()


def _settings(place: Place, port: int) -> dict[str, str]:
    return {
        **place.environment,
        **airflow_settings(place.home / "airflow", place.metadata, port),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "SETTLEMENT_RETRY_DELAY_S": "0.2",
    }
