"""Workers killed with SIGKILL in a real Airflow: on-call clears the task, the date settles once.

All dates are settled at the same time, each by its scheduled run; one task of each is killed at a
moment of its own. The moment is held by the partner, which keeps an answer back, or by a lock of
the ledger's database; nothing in the run knows of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import pytest

from partner_sandbox.faults import FaultRule
from settlement_airflow.up.stack import POOL
from support.airflow_site import AirflowSite, prepared_place, real_airflow
from support.held_partner import HeldPartner, Hold
from support.kill import kill
from support.killed_cells import AT_THE_GATE, CELLS, IS_ATTEMPTED, Killed
from support.patience import until
from support.racing import blocking, holds
from support.rest import DAG
from support.tasks_at_work import SOON_S, at_work, noticed

TRADES_A_DAY = 100
HEARTBEAT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_DETECTION_INTERVAL": "3",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "3",
}
"""How soon the scheduler notices that nobody watches over a task any more; else five minutes."""
RETRY_DELAY_S = "8"
"""Long enough to clear a task that has died before Airflow tries it again by itself."""
CALLS_AT_A_TIME = 4
"""Slots of the pool: as many as workers, so that none waits for another's held answer."""


@dataclass(frozen=True)
class Site(AirflowSite):
    """A real Airflow, its DAG paused still, and a partner that keeps answers back."""

    sandbox: HeldPartner

    def begin(self) -> None:
        """Let the scheduler have the DAG: it starts the runs of all dates."""
        self.rest.resize(POOL, CALLS_AT_A_TIME)
        self.rest.unpause(DAG)

    def scheduled_run(self, day: date) -> str:
        """Id of the run that the scheduler has started for a date."""
        found = self.rest.run_of(day)
        assert found is not None
        return str(found["dag_run_id"])


@contextmanager
def site_of(home: Path, days: int) -> Iterator[Site]:
    """Start everything, and leave no process behind."""
    partner = HeldPartner()
    settings = {**HEARTBEAT, "SETTLEMENT_RETRY_DELAY_S": RETRY_DELAY_S}
    with (
        prepared_place(home, partner, days=days, trades=TRADES_A_DAY) as place,
        real_airflow(place, partner, **settings) as airflow,
    ):
        airflow.rest.known(DAG)
        yield Site(place, partner, airflow.stack, airflow.rest, airflow.ledger)


def play(site: Site, cell: Killed, hold: Hold | None, day: date, run_id: str | None = None) -> str:
    """Kill what the cell names while it is held, clear it as on-call does; how the run ends."""
    about = {"day": day, "slot": f"demo-{day}-1"}
    with blocking(site.ledger, *cell.lock, **about) if cell.lock else nullcontext():
        if hold:
            until(hold.reached.is_set, f"{cell.row} of {day}")
        if cell.held == "submit":
            assert holds(site.ledger, IS_ATTEMPTED, **about), f"{day} was not written ahead"
        run_id = run_id or site.scheduled_run(day)
        processes = at_work(site.stack, site.rest, run_id, cell.task)
        kill(*(getattr(processes, each) for each in cell.dies))
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
        site_of(Path(folder), len(CELLS)) as site,
        ThreadPoolExecutor(len(CELLS)) as pool,
    ):
        arranged = [arrange(site.sandbox, *each) for each in zip(CELLS, site.days, strict=True)]
        site.sandbox.holds = [each for each in arranged if each]
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
    until(lambda: at_the_gate(site, run_id), f"{AT_THE_GATE.task} of {run_id}", every_s=SOON_S)
    assert play(site, AT_THE_GATE, None, day, run_id) == "success"
    settled_once(site, day)


def at_the_gate(site: Site, run_id: str) -> bool:
    """Whether the last task of a run has started."""
    instance = site.rest.instance(run_id, AT_THE_GATE.task)
    return instance is not None and instance["state"] in {"queued", "running"}


def settled_once(site: Site, day: date) -> None:
    """What the partner booked for the date is what the warehouse owes, each line of it once."""
    site.require_settled_once(day)
    sent = {each for each in site.sandbox.submitted if f"demo-{day}-".encode() in each}
    assert len(sent) == 1, "a replay sends the same bytes"
