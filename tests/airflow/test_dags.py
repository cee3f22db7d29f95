"""The DAG files: parsed, wired and serialised as Airflow needs them, whatever the partner files."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import BaseHook
from airflow.serialization.serialized_objects import DagSerialization

from settlement_airflow.hooks.pacer import POOL_SLOTS
from support.airflow_day import PARTNER_FILE, AirflowDay, ended

DAGS = Path(__file__).parents[2] / "dags"
BENCHMARKED = Path(__file__).parents[1] / "benchmarks" / "dags"
WORKING = {
    "wait_for_trades",
    "compute_net_positions",
    "build_requests",
    "request_approval",
    "await_approval",
    "sign_requests",
    "submit_requests",
    "settled",
    "nothing_to_settle",
    "reconcile_conflicts",
    "await_settlement",
}
ASKING = {"questions_for_people", "ask_people"}


def dags(where: Path = DAGS) -> dict[str, Any]:
    """All DAGs, parsed now."""
    bag = DagBag(where)
    assert bag.import_errors == {}
    return dict(bag.dags)


@pytest.fixture
def settle() -> Any:
    """The DAG of the partner that ships."""
    return dags()["settle_demo"]


def test_the_gate_is_the_only_leaf_and_comes_after_every_task(settle: Any) -> None:
    """A run is as green as its leaves: the gate, and never directly below the branch."""
    leaves = {task.task_id for task in settle.tasks if not task.downstream_task_ids}
    assert leaves == {"verify_settled"}
    gate = settle.get_task("verify_settled")
    assert gate.upstream_task_ids == {"ask_people"}
    assert gate.get_flat_relative_ids(upstream=True) == WORKING | ASKING | {"branch_on_response"}
    assert gate.trigger_rule == "all_done"
    assert {task.task_id for task in settle.tasks} == WORKING | ASKING | {
        "branch_on_response",
        "verify_settled",
    }


def test_people_are_asked_however_the_work_ended(settle: Any) -> None:
    """After every task that works, failed or not, so that a build that fails reaches them too."""
    questions = settle.get_task("questions_for_people")
    assert questions.upstream_task_ids == {"settled", "nothing_to_settle", "await_settlement"}
    assert questions.get_flat_relative_ids(upstream=True) == WORKING | {"branch_on_response"}
    assert questions.trigger_rule == "all_done"
    assert settle.get_task("ask_people").upstream_task_ids == {"questions_for_people"}


def test_a_date_that_needs_no_approval_is_signed_all_the_same(settle: Any) -> None:
    """The two tasks of the approval are skipped then; what failed before them stops the signing."""
    assert settle.get_task("request_approval").upstream_task_ids == {"build_requests"}
    for task_id, upstream in (
        ("await_approval", "request_approval"),
        ("sign_requests", "await_approval"),
    ):
        task = settle.get_task(task_id)
        assert task.upstream_task_ids == {upstream}
        assert task.trigger_rule == "none_failed"


def test_the_branch_is_not_mapped_and_follows_the_four_ways(settle: Any) -> None:
    """One branch for the run, with labelled edges."""
    branch = settle.get_task("branch_on_response")
    ways = {"settled", "nothing_to_settle", "reconcile_conflicts", "await_settlement"}
    assert branch.downstream_task_ids == ways
    assert not branch.is_mapped
    labels = {way: settle.get_edge_info("branch_on_response", way)["label"] for way in ways}
    assert labels == {
        "settled": "200",
        "nothing_to_settle": "nothing",
        "reconcile_conflicts": "409",
        "await_settlement": "pending",
    }


def test_what_talks_to_the_partner_is_in_its_pool(settle: Any) -> None:
    """The pool bounds how many tasks pace themselves at the same time; sign is never in it."""
    pooled = {task.task_id for task in settle.tasks if task.pool == "partner_api"}
    assert pooled == {
        "build_requests",
        "submit_requests",
        "reconcile_conflicts",
        "await_settlement",
        "verify_settled",
    }
    slots = {task.task_id: task.pool_slots for task in settle.tasks}
    assert slots.pop("submit_requests") == POOL_SLOTS
    assert set(slots.values()) == {1}


def test_no_task_goes_on_for_ever(settle: Any) -> None:
    """Above all none that sends: it holds the pool, and another partner's date waits for it."""
    bounds = {task.task_id: task.execution_timeout for task in settle.tasks}
    assert all(bounds[each] is not None for each in WORKING - {"settled", "nothing_to_settle"})
    assert bounds["submit_requests"] <= timedelta(minutes=30)


def test_an_action_waits_for_no_pool() -> None:
    """A stop is not kept waiting by the task that it is to stop, nor by a DAG that is paused."""
    action = dags()["settlement_action"]
    assert [(task.task_id, task.pool) for task in action.tasks] == [("act", "default_pool")]
    assert action.is_paused_upon_creation is False
    assert action.get_task("act").retries == 6


def test_every_task_is_retried_by_the_scheduler_and_documented(settle: Any) -> None:
    """Six retries with our policy; only the markers of the branch have nothing to explain."""
    for task in settle.tasks:
        assert task.retries == 6
        assert task.retry_policy is not None
        assert task.doc_md or task.task_id in {"settled", "nothing_to_settle"}


def test_dags_survive_serialisation_and_show_their_runbooks() -> None:
    """What the scheduler and the UI get is what was written."""
    for dag in dags().values():
        read = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        assert read.task_ids == dag.task_ids
        assert read.doc_md.startswith("# Runbook")


def test_one_run_a_day_at_the_cut_off_in_the_partners_zone(settle: Any) -> None:
    """From the first business date on, summer time included."""
    assert settle.catchup
    assert settle.max_active_runs == 16
    assert settle.start_date.isoformat() == "2026-03-02T21:59:00+00:00"
    assert settle.timetable.expression == "0 17 * * *"
    assert str(settle.timetable.timezone) == "America/New_York"


def test_a_broken_partner_file_breaks_nobody_else(day: AirflowDay) -> None:
    """It gives a DAG that fails with the message; the other partners' DAGs stay as they are."""
    day.write_partner("cutt_off = 1", name="broken")
    day.write_partner(name="Not A Name")
    found = dags()
    assert set(found) == {
        "settle_demo",
        "settle_broken",
        "settle_Not_A_Name",
        "settlement_preview",
        "settlement_watch",
        "settlement_decision",
        "settlement_action",
        "settlement_doctor",
        "settlement_explain",
    }
    assert [task.task_id for task in found["settle_broken"].tasks] == ["partner_file_is_wrong"]
    run = ended(day.dag("settle_broken").test(logical_date=None))
    assert run.state == "failed"
    assert "cut_off" in found["settle_broken"].tasks[0].problem
    assert day.run().state == "success"


def test_a_broken_partner_file_has_no_schedule(day: AirflowDay) -> None:
    """Runs of its own would let the dates in between be skipped once the file is right again."""
    day.write_partner("cutt_off = 1", name="broken")
    assert not day.dag("settle_broken").timetable.can_be_scheduled


def test_two_cut_offs_tick_at_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an edit of the cut-off the DAG ticks at both times; the date's own one settles."""
    monkeypatch.setenv("SETTLEMENT_PARTNERS_DIR", str(tmp_path))
    two = '[[cut_off]]\nat = "17:00"\n[[cut_off]]\nat = "16:30"\nfrom = 2026-07-01'
    text = PARTNER_FILE.replace('cut_off = "{cut_off}"', "").format(more=two, timezone="UTC")
    (tmp_path / "moved.toml").write_text(text)
    timetable = repr(dags()["settle_moved"].timetable)
    assert "30 16 * * *" in timetable
    assert "0 17 * * *" in timetable


def test_reading_a_dag_file_does_not_load_what_only_one_task_needs() -> None:
    """Every task reads the file in a new process; numpy is for the one that reads the trades."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print('numpy' in sys.modules)"
    command = [sys.executable, "-c", code, str(DAGS / "partner_settlement.py")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "False\n"


def test_the_benchmark_measures_against_the_shape_of_today(settle: Any) -> None:
    """The empty DAG of `make bench` has the tasks, rules, pools and arrows of the real one."""
    empty = dags(BENCHMARKED)["empty_shape"]
    shapes = [
        {
            task.task_id: (
                task.trigger_rule,
                task.downstream_task_ids,
                task.pool,
                task.pool_slots,
                task.is_mapped,
            )
            for task in dag.tasks
        }
        for dag in (settle, empty)
    ]
    assert shapes[0] == shapes[1]


def test_dag_files_are_wiring_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 120 lines each; parsing opens no connection, neither Airflow's nor any other."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("parsing a DAG file connects to something")

    monkeypatch.setattr(BaseHook, "get_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert dags()
    for path in DAGS.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 120, path
