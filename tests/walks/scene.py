"""Where walks are played: a real Airflow, the sandbox as the partner, and a warehouse to spoil."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_trades import add_late_trades
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections, demo_world
from partner_sandbox.faults import FaultKind, FaultRule, Route
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from settlement.config.calendar import BusinessCalendar
from settlement.ledger.slots import load_slots
from settlement.pages.date_page import read_date_page
from settlement.pages.date_state import DateState
from settlement.slot.state import State
from settlement.values import Window
from settlement_airflow.dag_parts import just_before_first_cut_off
from settlement_airflow.operators.base import GATE
from settlement_airflow.up.place import write_partner_file
from support.airflow_site import AirflowSite, prepared_place, real_airflow
from support.bookings import apart, of_date, sums_of
from support.partners_clock import PartnersClock
from support.patience import once
from support.rest import DAG

FOR_BACKFILL = 5
"""The oldest dates, which no other walk touches."""
OF_WALKS = 10
TRADES = 12
CLIENTS_A_REQUEST = 100
HURRIED = {
    "SETTLEMENT_RETRY_DELAY_S": "0.5",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
}
"""Between tries 15 s are usual, doubled each time, so that a date whose answers are all lost is red
after 16 minutes; and what was parsed is known everywhere only after 30 s."""
WATCH = "settlement_watch"
PARSED_WITHIN_S = 3


@dataclass
class Scene:
    """The place, and which of its dates nobody has run yet."""

    site: AirflowSite
    untouched: list[date] = field(default_factory=list)

    @property
    def rest(self) -> Any:
        """Airflow's REST API, as the administrator."""
        return self.site.rest

    def new_date(self) -> date:
        """A date that is due and that no run has touched: the partner file begins with it."""
        day = self.untouched.pop()
        self.begin_with(day)
        return day

    def settled_date(self) -> date:
        """The same, after its run."""
        day = self.new_date()
        self.settle(day)
        return day

    def begin_with(self, day: date) -> None:
        """Let the partner file name a first business date."""
        file = self.site.place.partners / f"{self.site.partner_file().name}.toml"
        write_partner_file(file, day, CLIENTS_A_REQUEST)

    def settle(self, day: date) -> None:
        """Run a date, and it ends green."""
        assert self.run(day)["state"] == "success"

    def run(self, day: date) -> dict[str, Any]:
        """Run a date to the end of that run."""
        run: dict[str, Any] = self.rest.run_ended(self.rest.start_run(day))
        return run

    def red_run(self, day: date) -> str:
        """Run a date, which ends red; the run's id."""
        run = self.run(day)
        assert run["state"] == "failed", run
        return str(run["dag_run_id"])

    def fault(self, fault: FaultKind, route: Route, day: date | None = None, **more: Any) -> None:
        """Let the partner do something from now on, to requests of one date or to all."""
        about = f"demo-{day}-*" if day else None
        rule = {"fault": fault, "route": route, "external_id": about, "times": None, **more}
        self.site.sandbox.faults.script(FaultRule.model_validate(rule))

    def refuse_client(self, client: str | None) -> None:
        """Let the partner refuse every amount of one client, without naming it; None: of nobody."""
        world = self.site.sandbox.world
        (partner,) = world.partners
        connections = tuple(
            each.changed(refused_with="cannot be processed" if each.id == client else None)
            for each in partner.connections
        )
        changed = partner.changed(connections=connections)
        self.site.sandbox.world = world.changed(partners=(changed,))

    def no_more_faults(self) -> None:
        """The partner is as it should be."""
        self.site.sandbox.faults.clear()

    def states(self, day: date) -> list[State]:
        """States of the date's requests, by the ledger."""
        with self.site.ledger.transaction() as tx:
            return [each.state for each in load_slots(tx, self.site.partner_file().name, day)]

    def wait_for_state(self, day: date, state: State) -> None:
        """Until the newest request of a date is in a state."""
        once(lambda: self.states(day)[-1:], [state].__eq__)

    def require_settled(self, day: date) -> None:
        """What the partner has booked for a date is what the date owes."""
        assert apart(self.site.owed(day), sums_of(of_date(self.site.sandbox.bookings(), day))) == {}

    def date_state(self, day: date) -> DateState:
        """Where a date stands, by the ledger."""
        with self.site.ledger.transaction() as tx:
            return read_date_page(tx, self.site.partner_file(), day).row.state

    def backfill_from(self, day: date) -> None:
        """Let the partner file begin with a date, and Airflow know it: no task runs before that."""
        self.begin_with(day)
        begins = just_before_first_cut_off(self.site.partner_file())
        once(self._parsed_again, begins.__eq__, every_s=PARSED_WITHIN_S)

    def _parsed_again(self) -> datetime:
        """When the DAG begins, by what was parsed so far; it is asked to be parsed once more."""
        details = self.rest.call("GET", f"dags/{DAG}/details")
        self.rest.send("PUT", f"parseDagFile/{details['file_token']}")
        return datetime.fromisoformat(details["start_date"])

    def window(self, day: date) -> Window:
        """The trading time of a date."""
        return BusinessCalendar(self.site.partner_file()).window(day)

    def late_trades(self, day: date, count: int) -> None:
        """Trades of a date reach the warehouse now."""
        add_late_trades(
            self.site.warehouse,
            "demo",
            self.window(day),
            [each.id for each in demo_connections()],
            DEMO_CURRENCIES,
            count=count,
            recorded_at=datetime.now(UTC),
        )

    def warehouse(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement, while no worker reads."""
        with closing(duckdb.connect(str(self.site.warehouse))) as database:
            return database.execute(statement, list(values)).fetchall()

    def watch(self) -> str:
        """Let the watch check everything once; its run's id."""
        self.rest.unpause(WATCH)
        run_id = str(self.rest.trigger(WATCH, {}))
        self.rest.run_ended(run_id, WATCH)
        self.pause_watch()
        return run_id

    def pause_watch(self) -> None:
        """Its hourly run would find what a walk is just about."""
        self.rest.known(WATCH)
        self.rest.call("PATCH", f"dags/{WATCH}", {"is_paused": True})


def red_task(run: dict[str, Any]) -> str:
    """The task of a run that an alert comes from: not the gate, which sums up what others said."""
    red = [task for task, state in run["tasks"].items() if state == "failed" and task != GATE]
    return str(red[0]).replace("[", "/mapped/").removesuffix("]")


@contextmanager
def scene(home: Path) -> Iterator[Scene]:
    """Start it, with the newest date settled by the schedule; leave nothing behind."""
    sandbox = Sandbox(Store(), PartnersClock(), Settings(), demo_world())
    count = FOR_BACKFILL + OF_WALKS + 1
    with prepared_place(home, sandbox, days=count, trades=TRADES) as place:
        *earlier, newest = place.days
        write_partner_file(place.partners / "demo.toml", newest, CLIENTS_A_REQUEST)
        with real_airflow(place, sandbox, **HURRIED) as site:
            found = Scene(site, earlier)
            found.pause_watch()
            site.rest.unpause(DAG)
            assert site.rest.finished_run(newest)["state"] == "success"
            yield found
