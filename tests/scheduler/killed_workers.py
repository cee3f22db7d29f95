"""Workers killed with SIGKILL in a real Airflow: on-call clears the task, the date settles once.

All dates are settled at the same time, each by its scheduled run; one task of each is killed at a
moment of its own. The moment is held by the partner, which keeps an answer back, or by a lock of
the ledger's database; nothing in the run knows of it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import pytest

from partner_sandbox.faults import FaultRule
from partner_sandbox.server import running as serving
from settlement.config.partner_file import load_partner
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.values import PositionKey
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import free_port, prepare
from settlement_airflow.up.stack import POOL, LocalStack, airflow_settings
from support.bookings import of_date
from support.held_partner import HeldPartner, Hold
from support.killed_cells import AT_THE_GATE, CELLS, IS_ATTEMPTED, Killed
from support.killing import blocking, eventually, holds, instance_of, kill, noticed, running
from support.net_positions import net_positions_in
from support.one_airflow import only_airflow
from support.rest import DAG, AirflowRest

TRADES_A_DAY = 100
HEARTBEAT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_DETECTION_INTERVAL": "3",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "3",
}
"""How soon the scheduler notices that nobody watches over a task any more; else five minutes."""
RETRY_DELAY_S = "8"
"""Long enough to clear a task that has died before Airflow tries it again by itself."""


@dataclass(frozen=True)
class Site:
    """A real Airflow, its DAG paused still, and a partner that keeps answers back."""

    rest: AirflowRest
    stack: LocalStack
    partner: HeldPartner
    ledger: Ledger
    home: Path
    days: list[date]

    def begin(self) -> None:
        """Let the scheduler have the DAG: it starts the runs of all dates."""
        slots = {"pool": POOL, "slots": 4, "include_deferred": False}
        self.rest.call("PATCH", f"pools/{POOL}", slots)
        self.rest.call("PATCH", f"dags/{DAG}", {"is_paused": False})

    def scheduled_run(self, day: date) -> str:
        """Id of the run that the scheduler has started for a date."""
        found = self.rest.run_of(day)
        assert found is not None
        return str(found["dag_run_id"])


@contextmanager
def real_airflow(home: Path, days: int) -> Iterator[Site]:
    """Start everything, and leave no process behind."""
    partner = HeldPartner()
    with only_airflow(), serving(partner) as url:
        sandbox_port, port = int(url.rsplit(":", 1)[1]), free_port(0)
        place = prepare(home, sandbox_port, days=days, trades=TRADES_A_DAY, max_connections=100)
        settings = {
            **place.environment,
            **airflow_settings(home / "airflow", place.metadata, port),
            **HEARTBEAT,
            "SETTLEMENT_RETRY_DELAY_S": RETRY_DELAY_S,
        }
        stack = LocalStack(home, settings, port)
        ledger = Ledger.connect(place.server.url(LEDGER))
        try:
            stack.start()
            rest = AirflowRest(f"http://127.0.0.1:{port}")
            eventually(lambda: rest.send("GET", f"dags/{DAG}/details").ok, "the DAG")
            yield Site(rest, stack, partner, ledger, home, place.days)
        finally:
            stack.stop()
            ledger.engine.dispose()
            place.server.stop()


def play(site: Site, cell: Killed, hold: Hold | None, day: date, run_id: str | None = None) -> str:
    """Kill what the cell names while it is held, clear it as on-call does; how the run ends."""
    about = {"day": day, "slot": f"demo-{day}-1"}
    with blocking(site.ledger, *cell.lock, **about) if cell.lock else nullcontext():
        if hold:
            eventually(hold.reached.is_set, f"{cell.row} of {day}")
        if cell.held == "submit":
            assert holds(site.ledger, IS_ATTEMPTED, **about), f"{day} was not written ahead"
        run_id = run_id or site.scheduled_run(day)
        processes = running(site.stack, site.rest, run_id, cell.task)
        kill([getattr(processes, each) for each in cell.dies])
    if "worker" not in cell.dies:
        noticed(site.rest, run_id, cell.task, processes)
    site.rest.clear(run_id, cell.task)
    state = site.rest.run_ended(run_id)["state"]
    if "task" not in cell.dies:
        psutil.wait_procs([processes.task], timeout=60)  # it may still store its answer
    return str(state)


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[Site, dict[Killed, Future[str]]]]:
    """All cells at once, each on a date of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="killed") as folder,
        real_airflow(Path(folder), len(CELLS)) as site,
        ThreadPoolExecutor(len(CELLS)) as pool,
    ):
        arranged = [arrange(site.partner, *each) for each in zip(CELLS, site.days, strict=True)]
        site.partner.holds = [each for each in arranged if each]
        ends = {
            cell: pool.submit(play, site, cell, hold, day)
            for cell, hold, day in zip(CELLS, arranged, site.days, strict=True)
        }
        site.begin()
        yield site, ends


def arrange(partner: HeldPartner, cell: Killed, day: date) -> Hold | None:
    """What the partner will do with a date; the answer that it keeps back, if it does."""
    about = {"route": "submit", "external_id": f"demo-{day}-*"}
    for fault in cell.faults:
        partner.faults.script(FaultRule.model_validate(about | fault))
    return Hold(day, cell.held, cell.processed) if cell.held else None


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ", ".join(cell.row))
def test_a_killed_worker_is_cleared_and_the_date_settles_once(
    played: tuple[Site, dict[Killed, Future[str]]], cell: Killed
) -> None:
    """Green after the clear; every line of the date's net positions is booked once, exactly."""
    site, ends = played
    assert ends[cell].result() == "success"
    settled_once(site, site.days[CELLS.index(cell)])


def test_a_gate_that_is_killed_is_cleared_and_says_so_once_more(
    played: tuple[Site, dict[Killed, Future[str]]],
) -> None:
    """A second run of a settled date dies at its end: the clear makes it green, nothing moves."""
    site, ends = played
    assert {end.result() for end in ends.values()} == {"success"}
    day = site.days[0]
    run_id = site.rest.start_run(day)
    eventually(lambda: at_the_gate(site, run_id), f"{AT_THE_GATE.task} of {run_id}")
    assert play(site, AT_THE_GATE, None, day, run_id) == "success"
    settled_once(site, day)


def at_the_gate(site: Site, run_id: str) -> bool:
    """Whether the last task of a run has started."""
    instance = instance_of(site.rest, run_id, AT_THE_GATE.task)
    return instance is not None and instance["state"] in {"queued", "running"}


def settled_once(site: Site, day: date) -> None:
    """What the partner booked for the date is what the warehouse owes, each line of it once."""
    net = net_positions_in(site.home, day)
    bookings = [
        (PositionKey(each.connection_id, each.currency), each.amount)
        for each in of_date(site.partner.bookings(), day)
    ]
    assert net
    assert set(Counter(key for key, _ in bookings).values()) == {1}
    assert dict(bookings) == net
    sent = {each for each in site.partner.submitted if f"demo-{day}-".encode() in each}
    assert len(sent) == 1, "a replay sends the same bytes"
    currencies = load_partner("demo", site.home / "partners").currencies
    verify_ledger(site.ledger, "demo", currencies)
