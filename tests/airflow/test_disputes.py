"""A partner whose clients may dispute, through the DAG: every way in which version 2 answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from partner_sandbox.demo_world import demo_world_with_disputes
from partner_sandbox.messages import Request, Response
from settlement_airflow.dag_parts import RETRIES
from support.airflow_day import AirflowDay, RunOfDag
from support.day import BOB

SLOT = "demo-2026-03-03-1"


@pytest.fixture
def disputing(day: AirflowDay) -> AirflowDay:
    """An hour for disputes, half an hour to top up; at the partner, time flies."""
    day.sandbox.world = demo_world_with_disputes(count=6)
    day.write_partner('api_version = "v2"')
    day.clock.per_reading = timedelta(minutes=5)
    return day


def when_staged(day: AirflowDay, action: Callable[[], object]) -> None:
    """Do something at the partner as soon as the first settlement is staged there."""
    handle = day.sandbox.handle
    done: list[bool] = []

    def then(request: Request) -> Response:
        answer = handle(request)
        if not done and day.sandbox.settlements():
            done.append(True)
            action()
        return answer

    day.sandbox.handle = then  # type: ignore[method-assign]


def failed(run: RunOfDag) -> set[str]:
    """Tasks that are red."""
    assert run.state == "failed"
    return run.in_state("failed")


def test_a_day_is_settled_when_its_windows_are_over(disputing: AirflowDay) -> None:
    """The run waits for the partner, and says until when and why."""
    run = disputing.run()
    assert run.state == "success"
    assert run.tasks["await_settlement"] == "success"
    assert run.tasks["settled"] == run.tasks["reconcile_conflicts"] == "skipped"
    assert disputing.states() == {SLOT: "completed"}
    assert disputing.booked() == disputing.owed()
    assert f"clients may dispute {SLOT} until" in waits()["why"]


def waits() -> dict[str, str]:
    """What `await_settlement` has told its page last."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415 - Airflow's settings come first
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        row = (
            session.query(XComModel)
            .filter(XComModel.key == "waits")
            .order_by(XComModel.timestamp.desc())
            .first()
        )
        told = XComModel.deserialize_value(row)
    assert isinstance(told, dict)
    return told


def tries_of(task_id: str, day: AirflowDay) -> set[int]:
    """Tries in which a task asked the partner something, by the ledger."""
    query = "SELECT DISTINCT try_number FROM attempt WHERE task_id = %s"
    with day.ledger.transaction() as tx:
        return {row[0] for row in tx.exec_driver_sql(query, (task_id,))}


def test_looks_that_fail_use_up_no_retries(disputing: AirflowDay) -> None:
    """A wait of a day may meet more of them than a task has retries; it is still the first try."""
    handle = disputing.sandbox.handle
    waiting: list[bool] = []

    def then(request: Request) -> Response:
        answer = handle(request)
        if not waiting and request.path.endswith("/partners"):  # asked for the windows to wait for
            waiting.append(True)
            disputing.fault("unavailable", route="list", external_id=SLOT, times=RETRIES + 2)
        return answer

    disputing.sandbox.handle = then  # type: ignore[method-assign]
    run = disputing.run()
    assert waiting
    assert run.state == "success"
    assert tries_of("await_settlement", disputing) == {1}
    assert disputing.booked() == disputing.owed()


def test_the_same_date_again_sends_nothing(disputing: AirflowDay) -> None:
    """Green, and nothing is staged."""
    disputing.run()
    assert disputing.run().tasks["nothing_to_settle"] == "success"
    assert len(disputing.sandbox.settlements()) == 1


def test_a_disputed_client_keeps_no_date_from_being_settled(disputing: AirflowDay) -> None:
    """The others are booked; what is disputed is between the client and the partner."""
    when_staged(disputing, lambda: disputing.sandbox.raise_dispute(SLOT, BOB, {"BTC": -80}))
    assert disputing.run().state == "success"
    others = {key: n for key, n in disputing.owed().items() if key.connection_id != BOB}
    assert disputing.booked() == others
    assert disputing.run().tasks["nothing_to_settle"] == "success"


def test_a_retracted_dispute_changes_nothing(disputing: AirflowDay) -> None:
    """Everything runs, as if nothing had been said."""

    def dispute_and_retract() -> None:
        raised = disputing.sandbox.raise_dispute(SLOT, BOB, {"BTC": -80})
        disputing.sandbox.retract_dispute(raised.id)

    when_staged(disputing, dispute_and_retract)
    assert disputing.run().state == "success"
    assert disputing.booked() == disputing.owed()


def test_too_little_allocated_is_refused_at_once(disputing: AirflowDay) -> None:
    """422: red without a retry; once the client has allocated more, the date settles."""
    disputing.sandbox.fund("BTC", 60 - 10**36, BOB)
    assert failed(disputing.run()) == {"submit_requests[0]", "verify_settled"}
    assert disputing.states() == {SLOT: "refused"}
    disputing.sandbox.fund("BTC", 40, BOB)
    assert disputing.run().state == "success"
    assert disputing.booked() == disputing.owed()


def test_funds_that_go_missing_in_the_window_fail_the_settlement(disputing: AirflowDay) -> None:
    """Red when the windows are over; after funding, the same bytes complete it."""
    missing = 10**36 - 60
    when_staged(disputing, lambda: disputing.sandbox.fund("BTC", -missing, BOB))
    run = disputing.run()
    assert disputing.states() == {SLOT: "failed"}
    assert failed(run) == {"verify_settled"}
    disputing.sandbox.fund("BTC", missing, BOB)
    assert disputing.run().state == "success"
    assert disputing.booked() == disputing.owed()
    assert len(disputing.sandbox.settlements()) == 1


def test_a_rejected_settlement_takes_the_next_number(disputing: AirflowDay) -> None:
    """Nothing is booked under the first."""
    disputing.fault("rejected", route="submit")
    assert "verify_settled" in failed(disputing.run())
    assert disputing.states() == {SLOT: "rejected"}
    assert disputing.run().state == "success"
    assert disputing.booked() == disputing.owed()


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "conflict"])
def test_an_answer_that_is_lost_or_wrong_stages_nothing_twice(
    disputing: AirflowDay, fault: str
) -> None:
    """The same bytes are sent again, or a 409 is reconciled; then the windows are waited for."""
    disputing.fault(fault, route="submit")
    run = disputing.run()
    if run.state != "success":  # a 409 about nothing: the next run sends it
        run = disputing.run()
    assert run.state == "success"
    assert len(disputing.sandbox.settlements()) == 1
    assert disputing.booked() == disputing.owed()


def test_a_partner_file_of_version_1_is_refused(disputing: AirflowDay) -> None:
    """403, at once."""
    disputing.write_partner()
    assert failed(disputing.run()) == {"submit_requests[0]", "verify_settled"}
    assert disputing.sandbox.settlements() == []
