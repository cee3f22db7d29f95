"""`settlement decide`: what waits for a person, shown and answered."""

from __future__ import annotations

import getpass
import json

import pytest

from settlement.config.partner_file import load_partner
from settlement.errors import DivergedSlotError, HistoryChangedError
from settlement.steps.reconcile import reconcile_conflicts
from settlement_airflow.cli.workplace import api_of
from support.airflow_day import AirflowDay
from support.day import ALICE, BOB, DAY, desk_of
from support.settling import settle

from .conftest import Command, events

WHO = f"{getpass.getuser()} (command line)"
DATE = "2026-03-03"


def change_history(day: AirflowDay) -> None:
    """The day is settled, then a trade is gone from the warehouse."""
    settle(day)
    day.trade(ALICE, BOB, 7)
    settle(day)
    day.forget_trade("t000001")
    with pytest.raises(HistoryChangedError):
        settle(day)


def waiting(command: Command) -> list[dict[str, object]]:
    """Open questions, as programs read them."""
    listed: list[dict[str, object]] = json.loads(command("decide", "demo", "--json").out)
    return listed


def test_nothing_waits_on_a_quiet_day(day: AirflowDay, command: Command) -> None:
    """Said on stderr; programs get an empty list."""
    ended = command("decide", "demo")
    assert (ended.code, ended.out) == (0, "")
    assert "no question of demo waits" in ended.err
    assert waiting(command) == []


def test_an_open_question_is_listed_shown_and_answered(day: AirflowDay, command: Command) -> None:
    """List, look, decide; the chain has who and why, and the next step is named."""
    change_history(day)
    (question,) = waiting(command)
    digest = str(question["digest"])
    assert question["choices"] == ["settle", "leave"]
    assert digest[:16] in command("decide", "demo").out
    shown = command("decide", "demo", digest[:8])
    assert "trades that were read have changed" in shown.out
    assert "settle" in shown.out
    ended = command("decide", "demo", digest[:8], "leave", "--reason", "ticket 812")
    assert ended.code == 0, ended.err
    assert f"settlement run demo {DATE}" in ended.err
    (decided,) = events(day.ledger, "decided")
    assert (decided.details["who"], decided.details["reason"]) == (WHO, "ticket 812")
    assert waiting(command) == []
    assert "answered leave" in command("decide", "demo", digest[:8]).err
    settle(day)


def test_show_names_the_questions_of_the_date(day: AirflowDay, command: Command) -> None:
    """On-call starts with `show`: what waits for a person is there, also for programs."""
    change_history(day)
    (question,) = waiting(command)
    shown = command("show", "demo", DATE).out
    assert str(question["digest"])[:16] in shown
    assert "settlement decide demo" in shown
    assert json.loads(command("show", "demo", DATE, "--json").out)["questions"] == [question]


def test_a_diverged_request_is_adopted_from_the_partner(day: AirflowDay, command: Command) -> None:
    """The command asks the partner once more and takes what it shows as booked."""
    day.fault("foreign", route="submit")
    with pytest.raises(DivergedSlotError):
        settle_until_looked_up(day)
    (question,) = waiting(command)
    ended = command("decide", "demo", str(question["digest"]), "adopt", "--reason", "theirs")
    assert ended.code == 0, ended.err
    assert day.states() == {f"demo-{DATE}-1": "completed"}


def settle_until_looked_up(day: AirflowDay) -> None:
    """Settle; a 409 is reconciled."""
    try:
        settle(day)
    finally:
        partner = load_partner("demo")
        reconcile_conflicts(desk_of(day.ledger, api_of(partner), partner), DAY)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{digest}", "leave"], 2, "say why with --reason"),
        (["{digest}", "--reason", "x"], 2, "goes with an answer"),
        (["{digest}", "leave", "--reason", "  "], 2, "say why"),
        (["{digest}", "approve", "--reason", "x"], 1, "answer settle or leave"),
        (["{digest}", "perhaps", "--reason", "x"], 2, "perhaps"),
        (["ffffffff", "leave", "--reason", "x"], 2, "no question of demo"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(
    day: AirflowDay, command: Command, arguments: list[str], code: int, said: str
) -> None:
    """Nothing is decided, and what to type instead is said."""
    change_history(day)
    (question,) = waiting(command)
    typed = [each.format(digest=question["digest"]) for each in arguments]
    ended = command("decide", "demo", *typed)
    assert ended.code == code
    assert said in ended.err
    assert events(day.ledger, "decided") == []
