"""A person's decision: the answer and what follows from it, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from settlement.errors import ConfigurationError, DecisionError
from settlement.ledger.bound_currencies import bind_decimals, require_bound_decimals
from settlement.ledger.folding import take_as_booked
from settlement.ledger.people.divergence import Divergence, ask_about
from settlement.ledger.people.question import (
    SHORT,
    Choice,
    Question,
    require_another_person,
    require_fitting,
    require_undecided,
    takes_a_run,
)
from settlement.ledger.people.question_facts import still_matters
from settlement.ledger.people.questions import load_question, record_choice
from settlement.ledger.slots import require_slot
from settlement.partner.reads import PartnerReader
from settlement.partner.words import one_line
from settlement.slot.evidence import Shown
from settlement.steps.desk import Desk
from settlement.steps.foreign_settlements import shown_now
from settlement.steps.question_text import body_of, title_of
from settlement.values import Actor

__all__ = ["Decided", "body_of", "decide", "title_of"]


@dataclass(frozen=True, slots=True)
class Decided:
    """The question with its answer; `run_again`: the date has to be run for it to take effect."""

    question: Question
    run_again: bool


def decide(desk: Desk, digest: str, choice: Choice, reason: str) -> Decided:
    """Answer a question.

    :param digest: of the question; a beginning that no other question shares is enough
    :param reason: why; kept in the ledger for good
    :raises DecisionError: if it is answered already, is out of date, if the answer does not fit,
        says no reason, or if this person may not answer
    :raises ConfigurationError: if there is no such question
    :raises BindingConflictError: if the partner file shows amounts with other decimals than bound
    :raises OutcomeUnknownError, CredentialsError: to adopt, if the partner does not show it
    """
    reason = one_line(reason)
    if not reason:
        raise DecisionError("an answer needs a reason: it is kept in the ledger for good")
    with desk.ledger.transaction() as tx:
        # with other decimals the amounts that the person saw are not these
        require_bound_decimals(tx, desk.partner)
        asked = load_question(tx, desk.partner.name, digest)
        _require_answerable(tx, asked, choice, desk.actor)
    if choice is Choice.ADOPT:
        answered = _adopt(desk, asked, reason)
    else:
        with desk.ledger.transaction() as tx:
            answered = record_choice(
                tx, desk.partner.name, asked.digest, choice, reason, desk.actor
            )
            _require_current(tx, asked)
    return Decided(answered, run_again=takes_a_run(answered))


def _require_answerable(tx: Connection, asked: Question, choice: Choice, actor: Actor) -> None:
    require_undecided(asked)
    require_fitting(asked, choice)
    _require_current(tx, asked)
    require_another_person(asked, actor.who)


def _require_current(tx: Connection, asked: Question) -> None:
    """Refuse an answer to facts that are gone.

    :raises DecisionError: naming the question
    """
    if not still_matters(tx, asked):
        raise DecisionError(
            f"question {asked.digest[:SHORT]} of {asked.partner} {asked.business_date} is out of "
            "date: what it is about has changed since. Nothing is done; `settlement decide "
            f"{asked.partner}` lists what is open",
            partner=asked.partner,
            business_date=asked.business_date,
        )


def _adopt(desk: Desk, asked: Question, reason: str) -> Question:
    """Look up once more; take what the partner shows as booked if it is still what was asked."""
    external_id = str(asked.external_id)
    shown = _shown_for_adoption(desk.reader, external_id)
    with desk.ledger.transaction() as tx:
        divergence = Divergence(require_slot(tx, external_id, lock=True), shown)
        same = divergence.digest == asked.digest
        if same:
            answered = record_choice(
                tx, desk.partner.name, asked.digest, Choice.ADOPT, reason, desk.actor
            )
            _require_current(tx, asked)
            take_as_booked(tx, external_id, shown, asked.business_date, reason, desk.actor)
            bind_decimals(tx, desk.partner, shown.currencies, desk.actor)
            return answered
        _require_current(tx, asked)
        newer = ask_about(tx, divergence, desk.partner.name, asked.business_date, desk.actor)
    raise DecisionError(
        f"{external_id}: the partner shows something else now than when question "
        f"{asked.digest[:SHORT]} was asked. Nothing is taken as booked; look at the new question "
        f"{newer.digest[:SHORT]} with `settlement decide {desk.partner.name}`",
        partner=desk.partner.name,
        external_id=external_id,
    )


def _shown_for_adoption(reader: PartnerReader, external_id: str) -> Shown:
    try:
        return shown_now(reader, external_id)
    except ConfigurationError as error:
        raise DecisionError(
            f"nothing is taken as booked: {error.message}", external_id=external_id
        ) from None
