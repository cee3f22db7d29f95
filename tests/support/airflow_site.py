"""A real Airflow as `make up` has it: a prepared place, the sandbox as the partner, all components.

Nothing of it is left behind.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from partner_sandbox.core import Sandbox
from partner_sandbox.server import running
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.values import PositionKey
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import Place, free_port, prepare
from settlement_airflow.up.stack import LocalStack, airflow_settings, settlement
from settlement_airflow.up.trades import WAREHOUSE_FILE
from support.airflows_at_once import one_of_few_airflows
from support.bookings import of_date, require_booked_once
from support.kill import kill_group
from support.owed import owed_in
from support.postgres import hurry_postgres
from support.rest import AirflowRest

TESTS = Path(__file__).parents[1]
HURRIED = {
    "AIRFLOW__CORE__EXECUTOR": "support.preloading_executor.PreloadingExecutor",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")])),
}
"""Less to compute and less to wait for: the DAG files stay what they are, and the scheduler, which
looks a dozen times a run whether a task has ended, does not sleep a second in between."""


@dataclass(frozen=True)
class AirflowSite:
    """All components at work in a place, and the partner that its runs meet."""

    place: Place
    sandbox: Sandbox
    stack: LocalStack
    rest: AirflowRest
    ledger: Ledger

    @property
    def home(self) -> Path:
        """Folder of everything."""
        return self.place.home

    @property
    def days(self) -> list[date]:
        """The business dates that are due, oldest first."""
        return self.place.days

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.home / WAREHOUSE_FILE

    @property
    def url(self) -> str:
        """Airflow's address."""
        return f"http://127.0.0.1:{self.stack.port}"

    def partner_file(self, name: str = "demo") -> PartnerFile:
        """A partner's file as it is now."""
        return load_partner(name, self.place.partners)

    def owed(self, day: date, partner: str = "demo") -> dict[PositionKey, int]:
        """What a date owes, by its warehouse."""
        window = BusinessCalendar(self.partner_file(partner)).window(day)
        return owed_in(self.warehouse, window, partner)

    def require_settled_once(self, day: date, partner: str = "demo") -> None:
        """Every line of what a date owes is booked once, exactly, and the ledger is sound."""
        require_booked_once(of_date(self.sandbox.bookings(), day, partner), self.owed(day, partner))
        verify_ledger(self.ledger, partner, self.partner_file(partner).currencies)

    @contextmanager
    def partner_says(self, before: str, after: str) -> Iterator[None]:
        """The demo's partner file is edited, and put back at the end."""
        path = self.place.partners / "demo.toml"
        text = path.read_text()
        edited = text.replace(before, after)
        assert edited != text
        path.write_text(edited)
        yield
        path.write_text(text)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command `settlement` as a person at this site would."""
        return subprocess.run(
            settlement(*arguments),
            env={**os.environ, **self.stack.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def kill_component(self, name: str) -> None:
        """SIGKILL to a component and its helpers; a task that runs would go on alone."""
        component = self.stack.processes[name]
        kill_group(component.pid)
        component.wait()

    def start_again(self, name: str) -> None:
        """Start a component that was killed, as whoever watches over it would."""
        self.stack.spawn(name, [*self.stack.processes[name].args])


@contextmanager
def prepared_place(
    home: Path, sandbox: Sandbox, *, days: int, trades: int, max_connections: int = 100
) -> Iterator[Place]:
    """Fill an empty folder with a short path, and let the sandbox answer in the partner's place."""
    with one_of_few_airflows(), running(sandbox) as url:
        port = int(url.rsplit(":", 1)[1])
        place = prepare(home, port, days=days, trades=trades, max_connections=max_connections)
        try:
            hurry_postgres(place.server)
            yield place
        finally:
            place.server.stop()


@contextmanager
def real_airflow(place: Place, sandbox: Sandbox, **settings: str) -> Iterator[AirflowSite]:
    """Start all components in a place; its DAGs are paused still.

    :param settings: environment variables of all components, beside those of the place
    """
    port = free_port(0)
    of_airflow = airflow_settings(place.home / "airflow", place.metadata, port)
    stack = LocalStack(place.home, {**place.environment, **of_airflow, **HURRIED, **settings}, port)
    ledger = Ledger.connect(place.server.url(LEDGER))
    try:
        stack.start()
        rest = AirflowRest(f"http://127.0.0.1:{port}")
        yield AirflowSite(place, sandbox, stack, rest, ledger)
    finally:
        stack.stop()
        ledger.engine.dispose()
