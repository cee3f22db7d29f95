"""Questions for people: asked once for given facts, answered once, and tampering is found."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from settlement.errors import ChainBrokenError, ConfigurationError, DecisionError
from settlement.ledger.chain import read_events
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.people.questions import (
    CHOICES,
    Choice,
    NewQuestion,
    Question,
    Subject,
    ask,
    choice_on,
    load_question,
    open_questions,
    record_choice,
)
from settlement.values import Actor
from support.racing import holding, in_background, waiting_for_locks

DAY = date(2026, 3, 3)
RUN = Actor("airflow (scheduled)", run_id="scheduled__1")
PETRA, OLGA = Actor("petra"), Actor("olga")


def asked(ledger: Ledger, digest: str = "aa11", facts: dict[str, object] | None = None) -> Question:
    """A question about changed history."""
    with ledger.transaction() as tx:
        return ask(
            tx,
            NewQuestion(
                partner="demo",
                digest=digest,
                subject=Subject.HISTORY,
                business_date=DAY,
                facts=facts or {"positions": [{"amount": str(10**40)}]},
            ),
            RUN,
        )


def answered(ledger: Ledger, choice: Choice, who: Actor, digest: str = "aa11") -> Question:
    """Its answer."""
    with ledger.transaction() as tx:
        return record_choice(tx, "demo", digest, choice, "looked into it", who)


def open_digests(ledger: Ledger) -> list[str]:
    """Digests of the questions that wait."""
    with ledger.transaction() as tx:
        return [each.digest for each in open_questions(tx, "demo", DAY)]


def kinds(ledger: Ledger) -> list[str]:
    """Kinds of all events, in order."""
    with ledger.transaction() as tx:
        return [each.kind for each in read_events(tx, "demo")]


def test_a_question_waits_until_it_is_answered(ledger: Ledger) -> None:
    """It is open, then it is not, and both are events; amounts stay text of any size."""
    question = asked(ledger)
    assert question.facts == {"positions": [{"amount": str(10**40)}]}
    assert (question.asked_by, question.run_id) == (RUN.who, RUN.run_id)
    assert open_digests(ledger) == ["aa11"]
    decided = answered(ledger, Choice.LEAVE, PETRA)
    assert (decided.choice, decided.decided_by, decided.reason) == (
        Choice.LEAVE,
        "petra",
        "looked into it",
    )
    assert open_digests(ledger) == []
    assert kinds(ledger) == ["asked", "decided"]


def test_an_amount_that_is_a_float_is_refused(ledger: Ledger) -> None:
    """However deep it hides in the facts."""
    with pytest.raises(TypeError, match="never as a float"):
        asked(ledger, facts={"positions": [{"amount": 1.5}]})
    assert kinds(ledger) == []


def test_what_is_answered_is_not_asked_again(ledger: Ledger) -> None:
    """The answer stands, and no event is written."""
    asked(ledger)
    answered(ledger, Choice.SETTLE, PETRA)
    assert asked(ledger).choice is Choice.SETTLE
    assert kinds(ledger) == ["asked", "decided"]


def test_only_the_newest_question_of_a_date_is_open(ledger: Ledger) -> None:
    """Facts that changed make another question; facts that come back make theirs the newest."""
    asked(ledger, "aa11")
    asked(ledger, "bb22")
    assert open_digests(ledger) == ["bb22"]
    asked(ledger, "aa11")
    assert open_digests(ledger) == ["aa11"]


def test_a_question_is_found_by_the_beginning_of_its_digest(ledger: Ledger) -> None:
    """As long as only one begins like that."""
    asked(ledger, "aa11")
    asked(ledger, "aa22")
    with ledger.transaction() as tx:
        assert load_question(tx, "demo", "aa1").digest == "aa11"
        assert choice_on(tx, "demo", "aa1") is None
        for unknown, said in (("aa", "several"), ("cc", "no question"), ("", "question")):
            with pytest.raises(ConfigurationError, match=said):
                load_question(tx, "demo", unknown)
        with pytest.raises(ConfigurationError, match="no question"):
            load_question(tx, "demo", "a%")


def test_an_answer_that_does_not_fit_is_refused(ledger: Ledger) -> None:
    """Nobody approves changed history; what fits is named."""
    asked(ledger)
    for choice in set(Choice) - set(CHOICES[Subject.HISTORY]):
        with pytest.raises(DecisionError, match="answer settle or leave"):
            answered(ledger, choice, PETRA)
    assert open_digests(ledger) == ["aa11"]


def test_of_two_people_who_answer_at_once_one_wins(ledger: Ledger) -> None:
    """Both wait for the same row; the second is told who was first, and nothing of his is kept."""
    asked(ledger)
    row = "SELECT 1 FROM question WHERE digest = 'aa11' FOR UPDATE"
    work = [
        lambda: answered(ledger, Choice.SETTLE, PETRA),
        lambda: answered(ledger, Choice.LEAVE, OLGA),
    ]
    with holding(ledger, row) as held, in_background(*work) as futures:
        waiting_for_locks(ledger, 2)
        held.rollback()
    results = [each.exception() or each.result() for each in futures]
    (winner,) = [each for each in results if isinstance(each, Question)]
    (loser,) = [each for each in results if isinstance(each, DecisionError)]
    assert f"{winner.choice}, by {winner.decided_by}" in str(loser)
    with ledger.transaction() as tx:
        assert load_question(tx, "demo", "aa11") == winner
    assert kinds(ledger) == ["asked", "decided"]


TAMPERINGS = {
    "the facts": ("UPDATE question SET facts = '{}'", "says was asked"),
    "who asked": ("UPDATE question SET asked_by = 'olga'", "says was asked"),
    "the answer": ("UPDATE question SET choice = 'settle'", "its event says leave by petra"),
    "who answered": ("UPDATE question SET decided_by = 'olga'", "its event says leave by petra"),
    "an answer taken back": (
        "UPDATE question SET choice = NULL, reason = NULL, decided_by = NULL",
        "its event says leave by petra",
    ),
    "a question": ("DELETE FROM question", "question aa11 is gone"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_with_a_question_is_found(ledger: Ledger, what: str) -> None:
    """`settlement verify` compares each question with its events."""
    asked(ledger)
    answered(ledger, Choice.LEAVE, PETRA)
    assert verify_ledger(ledger, "demo", {})["questions"] == 1
    statement, named = TAMPERINGS[what]
    with ledger.transaction() as tx:
        tx.execute(text(statement))
    with pytest.raises(ChainBrokenError, match=named):
        verify_ledger(ledger, "demo", {})


def test_an_answer_that_nobody_gave_is_found(ledger: Ledger) -> None:
    """Written into the table by hand, without an event."""
    asked(ledger)
    with ledger.transaction() as tx:
        tx.execute(text("UPDATE question SET choice = 'settle', decided_by = 'olga', reason = 'x'"))
    with pytest.raises(ChainBrokenError, match="its event says None"):
        verify_ledger(ledger, "demo", {})
