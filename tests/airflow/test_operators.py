"""Single steps where a whole run would not show enough."""

from __future__ import annotations

import getpass
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.asset import AssetEvent
from airflow.models.xcom import XComModel
from airflow.sdk.api.client import TaskInstanceOperations
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
from sqlalchemy import select

from partner_sandbox.demo_world import DEMO_TOKEN, DEMO_XPRV
from settlement.amounts import display
from settlement.config.partner_file import load_partner
from settlement.errors import NotSettledError
from settlement.ledger.people.holds import put_on_hold
from settlement.ledger.people.stop import raise_stop
from settlement.ledger.schema import attempt
from settlement.steps import reconcile
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.sign import sign_requests
from settlement.steps.submit import submit_request
from settlement.values import Actor
from settlement_airflow import connections
from settlement_airflow.connections import open_partner_api, open_warehouse
from settlement_airflow.operators import preview, wait
from settlement_airflow.operators.base import Work
from settlement_airflow.operators.prepare import slices_of
from settlement_airflow.operators.wait import WaitForTradesOperator
from settlement_airflow.signers import open_signer
from support.airflow_day import AirflowDay, ended
from support.between import Between, reads_one, sends
from support.day import ACTOR, ALICE, DAY, desk_of

SATURDAY = date(2026, 3, 7)
PERSON = Actor("a person")


def context(run_type: str, logical_date: datetime | None, chosen: str | None = None) -> Any:
    """What a task of such a run is given."""
    run = SimpleNamespace(
        run_type=DagRunType(run_type),
        run_id="r1",
        logical_date=logical_date,
        triggering_user_name=None,
    )
    task_instance = SimpleNamespace(
        task_id="wait_for_trades", map_index=-1, try_number=1, max_tries=6
    )
    return {"dag_run": run, "ti": task_instance, "params": {"business_date": chosen}}


def waited_for(run_type: str, logical_date: datetime | None, chosen: str | None = None) -> Any:
    """Run the wait; the instant that it defers to, or None."""
    operator = WaitForTradesOperator(task_id="wait_for_trades", partner="demo")
    try:
        operator.execute(context(run_type, logical_date, chosen))
    except TaskDeferred as deferred:
        return deferred.trigger.moment
    return None


def coming_cut_off(day: AirflowDay) -> datetime:
    """A cut-off a few minutes from now or just past, so that settle_after is not over."""
    now = day.ledger.now().replace(second=0, microsecond=0)
    day.write_partner(more="", timezone="UTC", cut_off=f"{now:%H:%M}")
    return now


def test_a_scheduled_run_waits_for_settle_after(day: AirflowDay) -> None:
    """Deferred until the date is due: no worker is occupied."""
    cut_off = coming_cut_off(day)
    assert waited_for("scheduled", cut_off) == cut_off + timedelta(minutes=15)


def test_a_manual_run_for_a_date_that_is_not_due_is_refused(day: AirflowDay) -> None:
    """A person gets an answer instead of a run that hangs."""
    cut_off = coming_cut_off(day)
    chosen = (cut_off - timedelta(microseconds=1)).date().isoformat()
    with pytest.raises(AirflowFailException, match="can be settled from"):
        waited_for("manual", None, chosen)


def test_a_date_that_is_due_is_not_waited_for(day: AirflowDay) -> None:
    """Without a watermark to wait for, the run goes on."""
    assert waited_for("backfill", datetime(2026, 3, 3, 22, tzinfo=UTC)) is None


def test_the_watermark_is_waited_for_until_its_deadline(
    day: AirflowDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load has not passed the cut-off: wait, look again, and fail when the time is over."""
    day.write_partner('watermark_wait = "3650d"')
    deferred = waited_for("backfill", datetime(2026, 3, 3, 22, tzinfo=UTC))
    assert timedelta(0) < deferred - day.ledger.now() <= wait.WATERMARK_POLL
    day.write_partner('watermark_wait = "1h"')
    with pytest.raises(
        AirflowFailException, match=r"(?s)not past the cut-off.*warehouse-not-loaded"
    ):
        waited_for("backfill", datetime(2026, 3, 3, 22, tzinfo=UTC))
    day.trade(ALICE, "house", 5, day=date(2026, 3, 4))
    day.trade(ALICE, "house", 5, day=date(2026, 3, 5))
    assert waited_for("backfill", datetime(2026, 3, 3, 22, tzinfo=UTC)) is None


def test_the_stop_flag_keeps_everything_from_being_sent(day: AirflowDay) -> None:
    """Red at once, naming who stopped it; nothing reaches the partner."""
    with day.ledger.transaction() as tx:
        raise_stop(tx, "demo", "rehearsal", PERSON)
    run = day.run()
    assert run.state == "failed"
    assert run.tasks["compute_net_positions"] == "failed"
    assert day.sandbox.settlements() == []


def test_a_held_connection_is_left_out_and_the_run_is_green(day: AirflowDay) -> None:
    """A person's recorded decision; the rest of the day is settled."""
    with day.ledger.transaction() as tx:
        put_on_hold(tx, "demo", ALICE, "checking", None, PERSON)
    assert day.run().state == "success"
    owed = {key: amount for key, amount in day.owed().items() if key.connection_id != ALICE}
    assert day.booked() == owed


def test_a_settled_date_is_announced_without_amounts(day: AirflowDay) -> None:
    """The asset event names date and requests; downstream DAGs look up the rest."""
    day.run()
    with create_session() as session:
        newest = session.scalars(select(AssetEvent).order_by(AssetEvent.id.desc())).first()
    assert newest.extra["business_date"] == DAY.isoformat()
    assert newest.extra["requests"] == ["demo-2026-03-03-1"]
    assert newest.source_task_id == "verify_settled"


def test_no_secret_is_in_any_xcom(day: AirflowDay) -> None:
    """XComs are never masked, so they must not hold any."""
    day.run()
    with create_session() as session:
        stored = " ".join(str(value) for value in session.scalars(select(XComModel.value)))
    assert "demo-2026-03-03-1" in stored
    assert DEMO_TOKEN not in stored
    assert DEMO_XPRV not in stored


def test_the_ledger_names_run_task_and_try(day: AirflowDay) -> None:
    """From any attempt back to who made it."""
    day.fault("error_before", route="submit")
    day.run()
    with day.ledger.transaction() as tx:
        rows = tx.execute(select(attempt).where(attempt.c.kind == "submit")).all()
    assert [row.try_number for row in rows] == [1, 2]
    assert {row.task_id for row in rows} == {"submit_requests[0]"}
    assert {row.who for row in rows} == {f"{getpass.getuser()} (command line)"}
    assert rows[0].run_id.startswith("manual__")


def test_the_preview_shows_what_the_run_then_sends(
    day: AirflowDay, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same bytes for signing, and nothing stored or sent by the preview."""
    conf = {"partner": "demo", "business_date": DAY.isoformat()}
    previewed = ended(day.dag("settlement_preview").test(logical_date=None, run_conf=conf))
    assert previewed.state == "success"
    said = capfd.readouterr().out
    assert day.states() == {}
    with create_session() as session:
        query = select(XComModel.value).where(XComModel.task_id == "preview_requests")
        shown = str(session.scalars(query.order_by(XComModel.timestamp.desc())).first())
    assert day.sandbox.settlements() == []
    day.run()
    [settlement] = day.sandbox.settlements()
    assert settlement.external_id in shown
    assert "BTC: gross 20,000,000,000,000,000,000,000.00000200, net 0.00000000" in said
    assert f"{ALICE}                0.00000100 BTC" in said
    assert str(10**30) in shown
    assert settlement.notes in shown


def test_a_long_preview_shows_the_first_amounts_and_how_many_more(
    day: AirflowDay, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of eight amounts three are shown here; the totals are over all."""
    monkeypatch.setattr(preview, "SHOWN_LINES", 3)
    conf = {"partner": "demo", "business_date": DAY.isoformat()}
    ended(day.dag("settlement_preview").test(logical_date=None, run_conf=conf))
    said = capfd.readouterr().out
    assert "would be sent: 1 request(s), 8 amounts" in said
    assert said.count("  demo-2026-03-03-1  ") == 3
    assert "and 5 more amounts" in said


def test_the_build_says_what_it_built(day: AirflowDay, capfd: pytest.CaptureFixture[str]) -> None:
    """Requests, and gross and net amounts per currency in full units."""
    day.run()
    said = capfd.readouterr().out
    assert "1 request(s), 8 amounts: demo-2026-03-03-1" in said
    assert "BTC: gross 20,000,000,000,000,000,000,000.00000200, net 0.00000000" in said


def test_a_task_that_fails_says_four_things_once(
    day: AirflowDay, capfd: pytest.CaptureFixture[str]
) -> None:
    """What happened, what is at risk, what next, which section: no second text in a chain."""
    day.fault("forbidden", route="submit", times=None)
    run = day.run()
    said = capfd.readouterr().out
    assert run.tasks["submit_requests[0]"] == "failed"
    wanted = (
        r"the partner refuses it.*\nMoney at risk: refused 20,000.*\nNext: correct what it names"
        r".*\nRunbook \(docs of settle_\*\): \[runbook: refused\]"
    )
    assert len(re.findall(wanted, said, re.DOTALL)) == 1
    assert "RefusedError" not in said


def test_a_task_that_is_tried_again_says_that_nothing_is_to_be_done(
    day: AirflowDay, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last try says what a person does; those before, that Airflow goes on by itself."""
    day.fault("drop_after", route="submit", times=None)
    day.run()
    said = capfd.readouterr().out
    tries = [f"Airflow tries again by itself (try {each} of 7" for each in range(1, 7)]
    assert all(each in said for each in tries)
    assert "(try 7 of 7" not in said
    assert "Next: clear this task with its downstream tasks" in said


def test_a_mapped_task_keeps_its_name_while_it_waits_for_its_retry(
    day: AirflowDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow forgets it with every retry: the row would be "0" until the task runs again."""
    names = []

    def seen(*arguments: Any, **named: Any) -> Any:
        names.append(named["rendered_map_index"])
        return retry(*arguments, **named)

    retry = TaskInstanceOperations.retry
    monkeypatch.setattr(TaskInstanceOperations, "retry", seen)
    day.fault("error_before", route="submit")
    assert day.run().state == "success"
    assert names == ["demo-2026-03-03-1"]


def test_the_preview_fails_where_the_limits_would_end_the_run(
    day: AirflowDay, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the same text, below the amounts; nothing is built, signed or sent by either."""
    day.write_partner("[limits]\ngross_per_date = { BTC = 199 }")
    conf = {"partner": "demo", "business_date": DAY.isoformat()}
    previewed = ended(day.dag("settlement_preview").test(logical_date=None, run_conf=conf))
    said_by_preview = " ".join(capfd.readouterr().out.split())
    run = day.run()
    said_by_run = " ".join(capfd.readouterr().out.split())
    assert previewed.state == run.state == "failed"
    assert run.tasks["build_requests"] == "failed"
    assert f"{display(10**30, 8)} BTC" in said_by_preview
    [refused] = set(re.findall(r"limits\.gross_per_date\.BTC allows .*? to be added", said_by_run))
    assert refused in said_by_preview
    assert day.states() == {}
    assert day.sandbox.settlements() == []


@pytest.mark.parametrize(
    ("count", "slices", "largest"),
    [(0, 0, 0), (1, 1, 1), (32, 32, 1), (33, 1, 33), (500, 1, 500), (501, 2, 500)],
)
def test_slices(count: int, slices: int, largest: int) -> None:
    """One request each up to 32, else 500 each, in order."""
    ids = [f"demo-2026-03-03-{n}" for n in range(count)]
    cut = slices_of(ids)
    assert len(cut) == slices
    assert [each for piece in cut for each in piece] == ids
    assert max((len(piece) for piece in cut), default=0) == largest
    assert all(piece for piece in cut)


def test_a_status_that_is_not_known_is_named_while_it_is_waited_for(
    day: AirflowDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In what the page says, and in the error when the time is over."""
    partner = load_partner("demo")
    api, warehouse = Between(open_partner_api("partner_api")), open_warehouse("warehouse")
    api.put(
        lambda method, path: sends(method, path) or reads_one(method, path),
        lambda said: replace(said, content=said.content.replace(b'"completed"', b'"netted"', 1)),
    )
    desk = desk_of(day.ledger, api, partner)
    computed = compute_net_positions(desk, warehouse, DAY)
    build_requests(desk, DAY, computed.generation)
    signer = open_signer(partner.signing_conn_id)
    for external_id in sign_requests(desk, signer, DAY):
        submit_request(desk, external_id)
    assert set(day.states().values()) == {"pending"}

    told: dict[str, dict[str, str]] = {}
    task_instance = SimpleNamespace(
        task_id="await_settlement", xcom_push=lambda key, value: told.update({key: value})
    )
    monkeypatch.setattr(connections, "open_partner_api", lambda *_, **__: api)
    operator = wait.AwaitSettlementOperator(task_id="await_settlement", partner="demo")
    work, context = Work(partner, DAY, ACTOR), {"ti": task_instance}
    with pytest.raises(TaskDeferred):
        operator.step(work, context)
    assert "in status 'netted', which is not known here" in told[wait.WAITS]["why"]
    monkeypatch.setattr(reconcile, "GRACE", timedelta(hours=-1))
    with pytest.raises(
        NotSettledError, match=r"still pending.*in status 'netted'.*ask the partner"
    ):
        operator.step(work, context)
