"""What people decide, through the real DAGs: asked, answered, carried out, settled afterwards."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select, update

from settlement.config.partner_file import load_partner
from settlement.ledger.people.questions import Choice, Question, load_question, open_questions
from settlement.steps.decide import decide
from settlement.values import Actor
from settlement_airflow.hooks.partner_api import PartnerApiHook
from settlement_airflow.operators import ask, asking, base
from settlement_airflow.operators import decide as deciding
from support.airflow_day import AirflowDay, RunOfDag, ended
from support.day import ALICE, BOB, CAROL, DAVE, DAY, desk_of
from support.required_actions import RequiredActions, meanwhile
from support.settling import diverge, settle

SLOT = "demo-2026-03-03-1"
LEDGER_CONNECTION = "AIRFLOW_CONN_SETTLEMENT_LEDGER"
ABOVE = "[approval]\ngross = { BTC = 1000 }\n"


@pytest.fixture(scope="module")
def actions(airflow_metadata: dict[str, str]) -> RequiredActions:
    """The page of Required Actions."""
    return RequiredActions()


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process count as runs of the scheduler: they park, and start other runs."""
    monkeypatch.setattr(base, "IN_PROCESS", "nobody")
    monkeypatch.setattr(ask, "LONGEST_PAUSE", timedelta(milliseconds=100))


def open_now(day: AirflowDay) -> list[Question]:
    """Questions that wait for a person."""
    with day.ledger.transaction() as tx:
        return open_questions(tx, "demo", DAY)


def the_question(day: AirflowDay) -> Question:
    """The only question that is open."""
    (asked,) = open_now(day)
    return asked


def answered(day: AirflowDay, asked: Question) -> tuple[Choice | None, str | None, str | None]:
    """The answer in the ledger: what, who, why."""
    with day.ledger.transaction() as tx:
        found = load_question(tx, "demo", asked.digest)
    return found.choice, found.decided_by, found.reason


def decision_run(day: AirflowDay, asked: Question) -> RunOfDag:
    """One run of settlement_decision, to its end."""
    conf = {"partner": "demo", "digest": asked.digest}
    return ended(day.dag(asking.DECISION_DAG).test(logical_date=None, run_conf=conf))


def by_command(day: AirflowDay, choice: Choice, who: str = "petra") -> bool:
    """Answer the open question as `settlement decide` does; False while none is open."""
    for asked in open_now(day):
        api, partner = PartnerApiHook("partner_api"), load_partner("demo")
        decide(desk_of(day.ledger, api, partner, Actor(who)), asked.digest, choice, "seen")
        return True
    return False


def parked() -> bool:
    """Whether a run waits for an approval, without a worker."""
    query = select(TaskInstance).where(
        TaskInstance.task_id == "await_approval", TaskInstance.state == "deferred"
    )
    with create_session() as session:
        return session.scalars(query).first() is not None


def answering(
    actions: RequiredActions, user: str, choice: str, reason: str = "looked into it"
) -> AbstractContextManager[None]:
    """A user who answers the first request that shows up."""

    def act() -> bool:
        return any(actions.answer(each, user, choice, reason) == 200 for each in actions.waiting())

    return meanwhile(act)


def runs_of(dag_id: str, beginning: str = "") -> dict[str, Any]:
    """Runs that Airflow knows of a DAG, by id: what they were told."""
    query = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id.startswith(beginning))
    with create_session() as session:
        return {each.run_id: each.conf for each in session.scalars(query)}


def diverge_in_a_run(day: AirflowDay) -> Question:
    """Somebody else books under our externalId: the run is red, and people are asked."""
    day.fault("foreign", route="submit")
    run = day.run()
    assert run.tasks["reconcile_conflicts"] == run.state == "failed"
    return the_question(day)


def diverged(day: AirflowDay) -> Question:
    """That has happened before: nobody has answered yet."""
    diverge(day)
    return the_question(day)


# a slot that diverged


def test_a_diverged_slot_is_adopted_and_the_rest_settles(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """Under Required Actions petra says: what they show is booked. The next run is green."""
    asked = diverge_in_a_run(day)
    with answering(actions, "petra", "adopt"):
        decision = decision_run(day, asked)
    assert decision.in_state("success") >= {"ask_a_person", "apply_decision"}
    assert answered(day, asked) == (Choice.ADOPT, "petra", "looked into it")
    assert day.run().state == "success"
    assert day.booked() == day.owed()


def test_the_request_says_what_is_asked_and_offers_no_default(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """ExternalId (partner and date), both sides in a table, the answers that fit, a reason."""
    asked, seen = diverged(day), []

    def look_then_answer() -> bool:
        seen.extend(actions.waiting())
        return bool(seen) and actions.answer(seen[0], "petra", "leave", "as it is") == 200

    with meanwhile(look_then_answer):
        decision_run(day, asked)
    request = seen[0]
    assert request["subject"].startswith("demo 2026-03-03, ")
    assert SLOT in request["subject"]
    assert "| connection | currency | ours | theirs | difference |" in request["body"]
    assert request["options"] == ["adopt", "leave"]
    assert request["defaults"] is None
    assert request["params"]["reason"]["schema"]["minLength"] == 1
    assert request["assigned_users"] == []


def test_a_diverged_slot_that_is_left_stays_red(day: AirflowDay, actions: RequiredActions) -> None:
    """Nothing is taken as booked, no run is started, nobody is asked again."""
    asked, before = diverged(day), day.sandbox.bookings()
    with answering(actions, "petra", "leave"):
        decision = decision_run(day, asked)
    assert decision.tasks["run_settlement_again"] == "skipped"
    assert day.run().state == "failed"
    assert open_now(day) == []
    assert day.sandbox.bookings() == before


@pytest.mark.usefixtures("scheduled")
def test_a_decision_starts_one_run_of_the_date_however_often_it_is_carried_out(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """The run is told its date and nothing else; a cleared decision starts no second one."""
    asked = diverge_in_a_run(day)
    with answering(actions, "petra", "adopt"):
        decision = decision_run(day, asked)
    assert decision.tasks["run_settlement_again"] == "success"
    again = decision_run(day, asked)
    assert (again.tasks["run_settlement_again"], again.state) == ("skipped", "success")
    assert runs_of("settle_demo", "decided-") == {
        f"decided-2026-03-03-{asked.digest[:16]}": {"business_date": "2026-03-03"}
    }


@pytest.mark.usefixtures("scheduled")
def test_a_question_is_asked_by_one_run_until_it_is_answered(day: AirflowDay) -> None:
    """It is asked by the task that has met it, at once, and by no later task, nor by a second run.

    An asking run that has ended is started over.
    """
    asked = diverge_in_a_run(day)
    run_id = f"{SLOT}-{asked.digest[:16]}"
    assert runs_of(asking.DECISION_DAG) == {run_id: {"partner": "demo", "digest": asked.digest}}
    again = day.run()
    assert again.tasks["ask_people[0]"] == "skipped"
    assert again.names["ask_people[0]"] == run_id
    with create_session() as session:
        session.execute(
            update(DagRun).where(DagRun.run_id == run_id).values(state="failed")
        )  # the answer was refused
    assert day.run().tasks["ask_people[0]"] == "success"
    with create_session() as session:
        states = session.scalars(select(DagRun.state).where(DagRun.run_id == run_id)).all()
    assert states == ["queued"]


@pytest.fixture
def paused(day: AirflowDay) -> Iterator[None]:
    """Somebody has paused the DAG that asks."""

    def pause(is_paused: bool) -> None:
        with create_session() as session:
            asks = DagModel.dag_id == asking.DECISION_DAG
            session.execute(update(DagModel).where(asks).values(is_paused=is_paused))

    day.run()  # makes the DAG known
    pause(True)
    yield
    pause(False)


@pytest.mark.usefixtures("scheduled", "paused")
def test_nothing_is_asked_unseen(day: AirflowDay) -> None:
    """While nobody would see the question, the task that asks is red."""
    day.trade(ALICE, BOB, 5)
    day.fault("foreign", route="submit")
    run = day.run()
    assert run.tasks["ask_people[0]"] == "failed"
    assert runs_of(asking.DECISION_DAG) == {}


# answers that do not count


@pytest.mark.parametrize(("choice", "reason"), [("adopt", ""), ("adopt", "  ")])
def test_an_answer_needs_a_reason(
    day: AirflowDay, actions: RequiredActions, choice: str, reason: str
) -> None:
    """Without one nothing is decided; the run says how to be asked again."""
    asked = diverged(day)
    with answering(actions, "petra", choice, reason):
        decision = decision_run(day, asked)
    assert (decision.tasks["apply_decision"], decision.state) == ("failed", "failed")
    assert answered(day, asked) == (None, None, None)


def test_an_answer_that_does_not_fit_the_question_is_not_taken(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """Airflow refuses it, and the request stays open."""
    asked, statuses = diverged(day), []

    def refused_then_answered() -> bool:
        for each in actions.waiting():
            statuses.append(actions.answer(each, "petra", "approve", "why not"))
            statuses.append(actions.answer(each, "petra", "leave", "as it is"))
        return bool(statuses)

    with meanwhile(refused_then_answered):
        assert decision_run(day, asked).state == "success"
    assert statuses[:2] == [400, 200]


def test_marking_the_request_as_success_answers_nothing(day: AirflowDay) -> None:
    """Nobody has answered, says apply_decision, and the run is red."""
    asked = diverged(day)
    conf = {"partner": "demo", "digest": asked.digest}
    dag = day.dag(asking.DECISION_DAG)
    run = ended(dag.test(logical_date=None, run_conf=conf, mark_success_pattern="ask_a_person"))
    assert run.tasks["apply_decision"] == "failed"
    assert answered(day, asked) == (None, None, None)


def test_whoever_answers_second_is_told(day: AirflowDay, actions: RequiredActions) -> None:
    """While petra reads, the same is answered on the command line, otherwise than she does."""
    asked = diverged(day)

    def act() -> bool:
        for each in actions.waiting():
            assert by_command(day, Choice.LEAVE, "paul")
            return actions.answer(each, "petra", "adopt", "looked into it") == 200
        return False

    with meanwhile(act):
        decision = decision_run(day, asked)
    assert (decision.tasks["apply_decision"], decision.state) == ("failed", "failed")
    assert answered(day, asked) == (Choice.LEAVE, "paul", "seen")
    cleared = decision_run(day, asked)
    assert cleared.in_state("success") == {"ask_a_person", "apply_decision"}


def test_nobody_is_shown_old_amounts(day: AirflowDay, actions: RequiredActions) -> None:
    """Trades came after the question: its run shows nothing to anybody, the newer one asks."""
    day.write_partner(ABOVE)
    day.run()
    old = the_question(day)
    day.trade(ALICE, BOB, 5)
    day.run()
    decision = decision_run(day, old)
    assert (decision.tasks["ask_a_person"], decision.state) == ("skipped", "success")
    assert actions.waiting() == []
    assert the_question(day).digest != old.digest


@pytest.mark.parametrize(
    "conf", [{"partner": "demo"}, {"digest": "ab"}, {"partner": "demo", "digest": "ab"}]
)
def test_a_run_that_names_no_question_is_refused(day: AirflowDay, conf: dict[str, str]) -> None:
    """Red at once, nothing is shown to anybody."""
    run = ended(day.dag(asking.DECISION_DAG).test(logical_date=None, run_conf=conf))
    assert (run.tasks["ask_a_person"], run.state) == ("failed", "failed")


# a request that waits


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parked requests look at the ledger again at once, as often as the scheduler looks."""
    monkeypatch.setattr(deciding, "LOOK_AGAIN", timedelta(0))


def scheduler_sweeps() -> None:
    """What a scheduler does every few seconds: it wakes requests whose time is over."""
    SchedulerJobRunner(job=Job()).check_awaiting_input_timeouts()


@pytest.mark.usefixtures("impatient")
def test_what_is_answered_on_the_command_line_waits_no_longer(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """The parked request ends by itself, and what was decided there is carried on with."""
    asked = diverged(day)

    def act() -> bool:
        if actions.waiting():
            by_command(day, Choice.ADOPT)
            scheduler_sweeps()
        return False

    with meanwhile(act):
        decision = decision_run(day, asked)
    assert decision.in_state("success") == {"ask_a_person", "apply_decision"}
    assert actions.waiting() == []
    assert day.run().state == "success"


@pytest.mark.usefixtures("impatient")
def test_a_request_that_looked_again_can_still_be_answered(
    day: AirflowDay, actions: RequiredActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It parks again, even if the ledger is away just then, and the answer comes through."""
    asked, looks = diverged(day), []
    connection = os.environ[LEDGER_CONNECTION]
    nobody_there = json.dumps({**json.loads(connection), "host": str(day.folder)})

    def act() -> bool:
        for each in actions.waiting():
            looks.append(each)
            monkeypatch.setenv(LEDGER_CONNECTION, nobody_there if len(looks) == 2 else connection)
            if len(looks) == 3:
                return actions.answer(each, "petra", "adopt", "looked into it") == 200
            scheduler_sweeps()
        return False

    with meanwhile(act):
        decision = decision_run(day, asked)
    assert decision.state == "success"
    assert answered(day, asked) == (Choice.ADOPT, "petra", "looked into it")


# history that changed


def change_history(day: AirflowDay) -> Question:
    """A trade of the settled date is gone: the reading fails, and people are asked all the same."""
    settle(day)
    day.forget_trade("t000001")
    run = day.run()
    assert run.tasks["compute_net_positions"] == run.state == "failed"
    assert run.tasks["build_requests"] == run.tasks["sign_requests"] == "upstream_failed"
    return the_question(day)


def test_a_change_of_history_is_settled(day: AirflowDay, actions: RequiredActions) -> None:
    """The warehouse is right as it is: the next run takes the trade back."""
    asked = change_history(day)
    with answering(actions, "petra", "settle"):
        decision = decision_run(day, asked)
    assert decision.state == "success"
    assert day.run().state == "success"
    del day.trades[0]
    assert day.booked() == {key: amount for key, amount in day.owed().items() if amount}


def test_a_change_of_history_is_left(day: AirflowDay, actions: RequiredActions) -> None:
    """What was settled stays: the next run is green and sends nothing, late trades go out."""
    asked, before = change_history(day), day.sandbox.bookings()
    with answering(actions, "petra", "leave"):
        decision_run(day, asked)
    assert day.run().state == "success"
    assert day.sandbox.bookings() == before
    day.trade(CAROL, DAVE, 5)
    assert day.run().state == "success"
    assert day.booked() == day.owed()


@pytest.mark.usefixtures("scheduled")
def test_a_build_that_never_ran_still_reaches_people(day: AirflowDay) -> None:
    """Compute failed: the question is asked at the end of the run, by itself."""
    asked = change_history(day)
    assert list(runs_of(asking.DECISION_DAG)) == [f"demo-2026-03-03-{asked.digest[:16]}"]


# approvals


@pytest.mark.usefixtures("scheduled")
def test_a_date_above_the_limits_waits_without_a_worker_and_settles_once_approved(
    day: AirflowDay,
) -> None:
    """It asks, parks, and goes on when somebody else has approved: nothing is signed before."""
    day.write_partner(ABOVE)
    with meanwhile(lambda: parked() and by_command(day, Choice.APPROVE)):
        run = day.run()
    assert run.state == "success"
    assert run.in_state("success") >= {"request_approval", "await_approval", "sign_requests"}
    assert len(runs_of(asking.DECISION_DAG, "demo-2026-03-03-")) == 1
    assert day.booked() == day.owed()


@pytest.mark.usefixtures("scheduled")
def test_an_approval_is_given_under_required_actions(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """Petra sees the totals and approves; the run that asked goes on, no second one is started."""
    day.write_partner(ABOVE + 'wait = "0s"')
    assert day.run().tasks["await_approval"] == "failed"
    day.write_partner(ABOVE)
    asked = the_question(day)
    with answering(actions, "petra", "approve"):
        decision = decision_run(day, asked)
    assert decision.tasks["run_settlement_again"] == "skipped"
    assert day.run().state == "success"
    assert day.booked() == day.owed()


@pytest.mark.usefixtures("scheduled")
def test_an_approval_after_the_deadline_starts_a_run(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """Nobody waits any more: red at the deadline, and the late answer runs the date again."""
    day.write_partner(ABOVE + 'wait = "0s"')
    run = day.run()
    assert run.in_state("failed") >= {"await_approval", "verify_settled"}
    assert run.tasks["sign_requests"] == "upstream_failed"
    asked = the_question(day)
    with answering(actions, "petra", "approve"):
        decision = decision_run(day, asked)
    assert decision.tasks["run_settlement_again"] == "success"
    assert list(runs_of("settle_demo", "decided-")) == [f"decided-2026-03-03-{asked.digest[:16]}"]
    assert day.booked() == {}


@pytest.mark.usefixtures("scheduled")
def test_a_rejected_date_is_red_and_unsent(day: AirflowDay) -> None:
    """The run goes on to the signing, which refuses; nobody is asked twice by the same run."""
    day.write_partner(ABOVE)
    with meanwhile(lambda: parked() and by_command(day, Choice.REJECT)):
        run = day.run()
    assert run.tasks["await_approval"] == "success"
    assert run.in_state("failed") == {"sign_requests", "verify_settled"}
    assert run.tasks["questions_for_people"] == "skipped"
    assert day.booked() == {}


def test_an_answer_by_who_started_the_run_leaves_the_question_open(
    day: AirflowDay, actions: RequiredActions
) -> None:
    """The page names who may not answer. That answer does not count; the next one does."""
    day.write_partner(ABOVE)
    day.run()
    asked, waiting = the_question(day), []
    in_turn = [getpass.getuser(), "petra"]

    def act() -> bool:
        for each in actions.waiting():
            waiting.append(each["body"])
            status = actions.answer(each, in_turn[len(waiting) - 1], "approve", "looked into it")
            assert status == 200
        return len(waiting) == len(in_turn)

    with meanwhile(act):
        decision = decision_run(day, asked)
    assert decision.state == "success"
    assert waiting[0].startswith(f"**{getpass.getuser()} started the run that asks: somebody else")
    assert waiting[1] == waiting[0]
    assert answered(day, asked) == (Choice.APPROVE, "petra", "looked into it")
    assert day.run().state == "success"


def test_settlement_run_neither_waits_nor_asks(day: AirflowDay) -> None:
    """In a run of the command an approval that is missing fails at once, and starts nothing."""
    day.write_partner(ABOVE)
    run = day.run()
    assert run.in_state("failed") == {"await_approval", "verify_settled"}
    assert {"request_approval", "questions_for_people", "ask_people"} <= run.in_state("skipped")
    assert runs_of(asking.DECISION_DAG) == {}
    assert by_command(day, Choice.APPROVE)
    assert day.run().state == "success"


def test_a_date_below_the_limits_asks_nobody(day: AirflowDay) -> None:
    """Both tasks are skipped, and the signing is not."""
    day.write_partner("[approval]\nrequests = 1\n")
    run = day.run()
    assert run.state == "success"
    assert {"request_approval", "await_approval"} <= run.in_state("skipped")
    assert run.tasks["sign_requests"] == "success"
