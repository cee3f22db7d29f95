"""A clear whose list left tasks out.

Without the gate, the run would stay green, whatever its tasks do now. Without the tasks between one
that works and the gate, the gate could speak before the work is done.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.utils.types import DagRunType

from settlement_airflow.dag_parts import settled_asset
from settlement_airflow.operators.airflow_runs import WAIT
from settlement_airflow.operators.base import GATE, SettlementOperator
from settlement_airflow.operators.conclude import VerifySettledOperator
from settlement_airflow.operators.prepare import (
    BuildRequestsOperator,
    ComputeNetPositionsOperator,
    SignRequestsOperator,
)
from settlement_airflow.operators.submit import SubmitRequestsOperator
from settlement_airflow.operators.wait import AfterAllOthersOperator
from support.airflow_day import AirflowDay
from support.day import DAY

DAGS = Path(__file__).parents[2] / "dags"
WORKING = {
    "compute_net_positions": (ComputeNetPositionsOperator, {}),
    "build_requests": (BuildRequestsOperator, {"computed": {"generation": 1}}),
    "sign_requests": (SignRequestsOperator, {}),
    "submit_requests": (SubmitRequestsOperator, {"external_ids": [f"demo-{DAY}-1"]}),
}


def context(task_id: str, gate: str | None, **others: str) -> Any:
    """What a task of a run is given whose gate, and other tasks, are in these states."""
    task_instance = SimpleNamespace(
        task_id=task_id,
        map_index=-1,
        try_number=2,
        max_tries=6,
        start_date=datetime.now(UTC),
        dag_id="settle_demo",
        run_id="r1",
        get_task_states=lambda **_: {"r1": {GATE: gate, **others}},
    )
    run = SimpleNamespace(
        run_id="r1",
        run_type=DagRunType.MANUAL,
        logical_date=None,
        triggering_user_name="on-call",
    )
    return {"dag_run": run, "ti": task_instance, "params": {"business_date": str(DAY)}}


def operator(task_id: str) -> SettlementOperator:
    """The operator of a task."""
    kind, arguments = WORKING[task_id]
    return kind(task_id=task_id, partner="demo", **arguments)


@pytest.mark.parametrize("task_id", WORKING)
def test_no_task_works_behind_the_back_of_a_green_gate(task_id: str, day: AirflowDay) -> None:
    """It fails at once, says what to clear, and has not touched the ledger."""
    with pytest.raises(AirflowFailException, match=r"clear this task with its downstream"):
        operator(task_id).execute(context(task_id, "success"))
    assert day.states() == {}


@pytest.mark.parametrize("gate", [None, "failed", "scheduled", "upstream_failed"])
def test_a_gate_that_is_not_green_keeps_nobody_from_working(
    gate: str | None, day: AirflowDay
) -> None:
    """A red gate keeps the run red, and one that was cleared looks again."""
    computed = operator("compute_net_positions").execute(context("compute_net_positions", gate))
    assert computed["generation"] == 1


@pytest.mark.parametrize(
    ("wait", "first"), [("skipped", WAIT), ("success", "compute_net_positions")]
)
def test_the_gate_says_what_to_clear_in_a_run_that_was_marked_before_it_began(
    wait: str, first: str, day: AirflowDay
) -> None:
    """Marking a run skips what has not begun, and Airflow runs nothing behind a skipped task."""
    gate = VerifySettledOperator(task_id=GATE, partner="demo", asset=settled_asset("demo"))
    with pytest.raises(AirflowFailException, match=f"Next: clear {first} with its downstream"):
        gate.execute(context(GATE, None, **{WAIT: wait}))
    assert day.states() == {}


LAST = ("questions_for_people", GATE)


def last_task(task_id: str) -> AfterAllOthersOperator:
    """One of the last tasks, as the DAG has it."""
    task = DagBag(DAGS).dags["settle_demo"].get_task(task_id)
    assert isinstance(task, AfterAllOthersOperator)
    return task


@pytest.mark.parametrize("task_id", LAST)
@pytest.mark.parametrize("state", ["None", "scheduled", "running", "deferred", "up_for_retry"])
@pytest.mark.parametrize("other", ["wait_for_trades", "submit_requests_3"])
def test_the_last_tasks_wait_for_whatever_has_still_to_end(
    task_id: str, state: str, other: str, day: AirflowDay
) -> None:
    """Whichever tasks the clear left out in between; no worker is occupied meanwhile."""
    with pytest.raises(TaskDeferred):
        last_task(task_id).execute(context(task_id, "None", **{other: state}))
    assert day.states() == {}


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_the_last_tasks_wait_for_nothing_that_is_over(state: str, day: AirflowDay) -> None:
    """Nor for those that come after them, or for themselves."""
    over = {"submit_requests_0": state, "ask_people": "None", "questions_for_people": "running"}
    with pytest.raises(AirflowSkipException):
        last_task("questions_for_people").execute(context("questions_for_people", "None", **over))
    with pytest.raises(AirflowFailException, match="no snapshot"):
        last_task(GATE).execute(context(GATE, "running", submit_requests_0=state))
    assert day.states() == {}
