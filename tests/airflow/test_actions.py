"""What people do by the form of settlement_action: a worker does it, the ledger names them."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from settlement.ledger.chain import Event, read_events
from settlement.ledger.people.holds import Hold, holds_in_force
from settlement.ledger.people.ignored import ignored_among
from settlement.ledger.people.stop import Stop, lower_stop, raise_stop, stop_of
from settlement.values import Actor
from settlement_airflow.operators.act import ActOperator
from support.airflow_day import AirflowDay, RunOfDag, ended
from support.day import ALICE, DAY
from support.settling import settle, settle_by_hand

WHY = {"partner": "demo", "reason": "ticket 4711"}
STOP = {**WHY, "action": "stop"}


def run(day: AirflowDay, **form: str) -> RunOfDag:
    """A run of the DAG with the form filled."""
    return ended(day.dag("settlement_action").test(logical_date=None, run_conf={**WHY, **form}))


def act(user: str | None = "petra", run_id: str = "manual__1", **form: Any) -> str:
    """The task alone, of a run that this user has triggered."""
    started = SimpleNamespace(
        run_id=run_id,
        triggering_user_name=user,
        run_type=SimpleNamespace(value="manual" if user else "operator_triggered"),
    )
    task_instance = SimpleNamespace(map_index=-1, task_id="act", try_number=1)
    context = {"params": {**WHY, **form}, "dag_run": started, "ti": task_instance}
    return ActOperator(task_id="act").execute(context)


def flag(day: AirflowDay) -> Stop | None:
    """The stop flag."""
    with day.ledger.transaction() as tx:
        return stop_of(tx, "demo")


def holds(day: AirflowDay) -> list[Hold]:
    """Holds in force."""
    with day.ledger.transaction() as tx:
        return holds_in_force(tx, "demo")


def written(day: AirflowDay) -> list[Event]:
    """Everything that the ledger was told of the partner."""
    with day.ledger.transaction() as tx:
        return list(read_events(tx, "demo"))


def test_a_stop_by_the_form_stops_the_partner(day: AirflowDay) -> None:
    """The next run sends nothing, and says who has stopped it and why."""
    assert run(day, action="stop").state == "success"
    stop = flag(day)
    assert stop is not None
    assert (stop.reason, stop.who) == ("ticket 4711", f"{getpass.getuser()} (command line)")
    assert day.run().state == "failed"
    assert day.booked() == {}
    assert run(day, action="go").state == "success"
    assert flag(day) is None


def test_a_settlement_made_by_hand_is_recorded_and_the_date_settles(day: AirflowDay) -> None:
    """By the same function as `settlement record`: nothing of it is sent again."""
    settle_by_hand(day, "by-hand-17")
    form = {"external_id": "by-hand-17", "business_date": str(DAY)}
    assert run(day, action="record", **form).state == "success"
    settle(day)
    assert day.booked() == day.owed()
    assert day.states() == {"by-hand-17": "completed"}


def test_what_the_form_does_not_say_is_not_guessed(day: AirflowDay) -> None:
    """Red at once, and nothing is written."""
    assert run(day, action="stop", connection_id=ALICE).tasks == {"act": "failed"}
    assert flag(day) is None
    assert written(day) == []


def test_the_name_is_that_of_the_user_who_triggered_the_run(day: AirflowDay) -> None:
    """Beside run and task, in the row and in the chain of events."""
    act(action="hold", connection_id=ALICE.upper(), until="2126-03-09")
    (hold,) = holds(day)
    assert (hold.connection_id, hold.who, hold.reason) == (ALICE, "petra", "ticket 4711")
    assert hold.until == datetime(2126, 3, 9, 5, tzinfo=UTC)  # midnight in New York
    (held,) = written(day)
    assert held.details.items() >= {"who": "petra", "run_id": "manual__1", "task_id": "act"}.items()
    act(run_id="manual__2", action="release", connection_id=ALICE)
    assert holds(day) == []


def test_a_foreign_settlement_is_put_aside(day: AirflowDay) -> None:
    """By the same function as `settlement ignore`."""
    settle_by_hand(day, "onboarding-test")
    act(action="ignore", external_id="onboarding-test")
    (ignored,) = [each for each in written(day) if each.kind == "settlement ignored"]
    assert ignored.external_id == "onboarding-test"
    settlement_id = ignored.details["settlement_id"]
    with day.ledger.transaction() as tx:
        assert ignored_among(tx, "demo", [settlement_id]) == {settlement_id}


def test_a_run_that_is_cleared_does_nothing_again(day: AirflowDay) -> None:
    """What somebody has decided since stays: an old go does not lift a new stop."""
    with day.ledger.transaction() as tx:
        raise_stop(tx, "demo", "amounts look wrong", Actor("paul"))
    act(action="go")
    with day.ledger.transaction() as tx:
        raise_stop(tx, "demo", "wrong again", Actor("paul"))
    assert "nothing is done again" in act(action="go")
    stop = flag(day)
    assert stop is not None
    assert stop.reason == "wrong again"
    with day.ledger.transaction() as tx:
        lower_stop(tx, "demo", "x", Actor("paul"))
    act(run_id="another run", **STOP)
    assert flag(day) is not None


def test_only_a_person_acts(day: AirflowDay) -> None:
    """A DAG that triggers this one is nobody."""
    with pytest.raises(AirflowFailException, match="names nobody who started this run"):
        act(user=None, **STOP)
    assert flag(day) is None


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "choose an action: stop, go, hold, release, record, ignore"),
        ({"action": "bind"}, "choose an action"),
        ({"action": "stop", "reason": "  "}, "say why"),
        ({"action": "stop", "partner": None}, "choose a partner"),
        ({"action": "stop", "external_id": "demo-2026-03-03-1"}, "stop has no use for external_id"),
        ({"action": "hold"}, "hold needs connection_id"),
        ({"action": "hold", "connection_id": "alice"}, "is not a connection id"),
        ({"action": "hold", "connection_id": ALICE, "until": "soon"}, "write it like 2026-03-09"),
        ({"action": "hold", "connection_id": ALICE, "until": "2020-01-01"}, "is past"),
        ({"action": "release", "connection_id": ALICE, "until": "2126-01-01"}, "no use for until"),
        ({"action": "release", "connection_id": ALICE}, "is not on hold"),
        ({"action": "go"}, "is not stopped"),
        ({"action": "record", "external_id": "x"}, "record needs business_date"),
        ({"action": "record", "external_id": "x", "business_date": "3 March"}, "is not a date"),
        ({"action": "ignore"}, "ignore needs external_id"),
        ({"action": "ignore", "external_id": "x"}, "shows 0 settlements under x"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(
    day: AirflowDay, form: dict[str, Any], said: str
) -> None:
    """In words that say what to fill in; nothing is written, nothing tried again."""
    with pytest.raises(AirflowFailException, match=said):
        act(**form)
    assert written(day) == []
