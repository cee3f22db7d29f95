"""Airflow's states prove nothing: what is marked as success by hand, or skipped by a clear."""

from __future__ import annotations

import pytest

from support.airflow_day import AirflowDay
from support.day import ALICE, CAROL
from support.settling import settle


@pytest.mark.parametrize(
    "marked",
    [
        "submit_requests",
        "sign_requests",
        "build_requests",
        "compute_net_positions",
        "compute_net_positions|build_requests|sign_requests|submit_requests",
        "(?!verify_settled).*",
    ],
)
def test_a_task_marked_as_success_settles_nothing(marked: str, day: AirflowDay) -> None:
    """The gate looks at the ledger: the run is red."""
    run = day.run(marked=marked)
    assert run.state == "failed"
    assert run.tasks["verify_settled"] == "failed"
    assert day.booked() == {}


@pytest.mark.parametrize("marked", ["compute_net_positions|build_requests", "(?!verify_settled).*"])
def test_late_trades_cannot_be_waved_through(marked: str, day: AirflowDay) -> None:
    """The date was settled before; a run that did not read the trades itself is red."""
    settle(day)
    day.trade(ALICE, CAROL, 7)
    assert day.run(marked=marked).state == "failed"
    assert day.run().state == "success"
    assert day.booked() == day.owed()


def test_a_conflict_that_no_task_reconciled_is_looked_up_by_the_gate(day: AirflowDay) -> None:
    """As after clearing only the failed tasks of a run: the branch does not run again."""
    day.fault("drop_after", route="submit")
    day.fault("conflict", route="submit")
    run = day.run(marked="branch_on_response|reconcile_conflicts")
    assert run.state == "success"
    assert day.states() == {"demo-2026-03-03-1": "completed"}
    assert day.booked() == day.owed()
