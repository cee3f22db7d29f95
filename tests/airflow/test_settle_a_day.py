"""A day through the DAG: settled once, nothing the second time, late trades on their own."""

from __future__ import annotations

import re
from datetime import date

import pytest

from support.airflow_day import AirflowDay
from support.day import ALICE, CAROL
from support.settling import settle

NOBODY_IS_ASKED = {"request_approval", "await_approval", "questions_for_people", "ask_people"}


def test_a_day_is_settled(day: AirflowDay) -> None:
    """The run is green, the partner booked every net position, the skipped tasks are the others."""
    run = day.run()
    assert run.state == "success"
    assert run.in_state("skipped") == {
        "nothing_to_settle",
        "reconcile_conflicts",
        "await_settlement",
        *NOBODY_IS_ASKED,
    }
    assert day.booked() == day.owed()
    assert day.states() == {"demo-2026-03-03-1": "completed"}


def test_the_same_date_again_sends_nothing(day: AirflowDay) -> None:
    """A second run of a settled date is green and books nothing."""
    day.run()
    before = day.sandbox.bookings()
    run = day.run()
    assert run.state == "success"
    assert run.tasks["nothing_to_settle"] == "success"
    assert run.tasks["submit_requests"] == run.tasks["settled"] == "skipped"
    assert day.sandbox.bookings() == before


def test_late_trades_are_settled_on_their_own(day: AirflowDay) -> None:
    """A trade that arrives after the date was settled goes out alone, under the next slot."""
    settle(day)
    day.trade(ALICE, CAROL, 7)
    assert day.run().state == "success"
    assert day.states() == {"demo-2026-03-03-1": "completed", "demo-2026-03-03-2": "completed"}
    assert day.booked() == day.owed()


def test_a_date_that_is_no_business_date_is_green_and_skipped(day: AirflowDay) -> None:
    """A Saturday of a partner that settles on weekdays: nothing runs, nothing is read or sent."""
    day.write_partner('calendar = "weekdays"')
    run = day.run(date(2026, 3, 7))
    assert run.state == "success"
    assert set(run.tasks.values()) == {"skipped"}
    assert day.states(date(2026, 3, 7)) == {}


def test_a_date_before_the_first_is_refused(
    day: AirflowDay, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent, and the run is red; both red tasks say the same, with the same advice."""
    run = day.run(date(2026, 3, 1))
    assert run.state == "failed"
    assert run.in_state("failed") == {"wait_for_trades", "verify_settled"}
    assert day.booked() == {}
    said = capfd.readouterr().out
    assert set(re.findall(r"Next: (.*)", said)) == {"choose a later date"}
    assert set(re.findall(r"\[runbook: ([a-z-]+)\]", said)) == {"date-not-due"}


def test_a_date_of_which_a_part_is_refused_shows_no_task_called_settled(
    day: AirflowDay, capfd: pytest.CaptureFixture[str]
) -> None:
    """One request is completed. The gate names the other first, in the partner's words."""
    day.write_partner("max_connections_per_request = 1")
    day.fault("forbidden", route="submit", external_id="demo-2026-03-03-2", times=None)
    run = day.run()
    assert day.states()["demo-2026-03-03-1"] == "completed"
    assert (run.tasks["settled"], run.tasks["nothing_to_settle"]) == ("skipped", "skipped")
    gate = capfd.readouterr().out.rpartition("is not settled:")[2]
    assert gate.index("demo-2026-03-03-2 is refused (HTTP 403") < gate.index("still differ")
    assert "- red in this run: submit_requests_1" in gate


def test_a_day_is_split_into_requests_sent_in_order(day: AirflowDay) -> None:
    """One mapped task per request, named by its externalId."""
    day.write_partner("max_connections_per_request = 2")
    run = day.run()
    assert run.state == "success"
    assert run.in_state("success") >= {f"submit_requests[{index}]" for index in range(4)}
    assert day.booked() == day.owed()
    assert run.names["submit_requests[3]"] == "demo-2026-03-03-4"


def test_a_failure_in_the_middle_ends_red(day: AirflowDay) -> None:
    """The warehouse lost a trade of the settled date: compute fails, and so does the run."""
    settle(day)
    day.forget_trade("t000001")
    before = day.sandbox.bookings()
    run = day.run()
    assert run.state == "failed"
    assert run.tasks["compute_net_positions"] == run.tasks["verify_settled"] == "failed"
    assert day.sandbox.bookings() == before


def test_a_failed_task_keeps_the_run_red_though_all_is_settled(
    day: AirflowDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signing key is lost after the date was settled: green would hide that."""
    settle(day)
    monkeypatch.delenv("AIRFLOW_CONN_SIGNING_KEY")
    run = day.run()
    assert run.state == "failed"
    assert run.in_state("failed") == {"sign_requests", "verify_settled"}
    assert run.tasks["nothing_to_settle"] == run.tasks["settled"] == "skipped"
