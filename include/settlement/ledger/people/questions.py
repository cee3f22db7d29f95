"""Questions that only a person can answer: one for given facts, answered once.

A question is its facts: other facts make another digest, and another question. So nobody answers
what has changed meanwhile. Locks are taken in this order: slots, the chain's head, the question.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert

from settlement.errors import ConfigurationError
from settlement.ledger.chain import append_event, lock_chain
from settlement.ledger.database import clock
from settlement.ledger.people.question import (
    CHOICES,
    Choice,
    Question,
    Subject,
    canonical,
    digest_of_text,
    require_fitting,
    require_undecided,
)
from settlement.ledger.people.question_facts import still_matters
from settlement.ledger.schema import question
from settlement.values import Actor, PartnerName

__all__ = [
    "CHOICES",
    "Choice",
    "Question",
    "Subject",
    "as_question",
    "ask",
    "choice_on",
    "load_question",
    "open_questions",
    "record_choice",
]


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """What is asked; `external_id` where it is about one slot of the date."""

    partner: PartnerName
    digest: str
    subject: Subject
    business_date: date
    facts: Mapping[str, Any]
    external_id: str | None = None


def ask(tx: Connection, new: NewQuestion, actor: Actor) -> Question:
    """Ask, unless that has its answer. A question asked again is the newest of its kind again."""
    partner, digest, subject = new.partner, new.digest, new.subject
    business_date, external_id = new.business_date, new.external_id
    lock_chain(tx, partner)
    row = tx.execute(_named(partner, digest).with_for_update()).one_or_none()
    if row is not None and row.choice is not None:
        return as_question(row)
    text = canonical(new.facts)
    asked = {
        "facts": text,
        "asked_at": clock(tx),
        "asked_by": actor.who,
        "run_id": actor.run_id,
    }
    identity = {
        "partner": partner,
        "digest": digest,
        "subject": subject.value,
        "business_date": business_date,
        "external_id": external_id,
    }
    statement = insert(question).values(identity | asked)
    tx.execute(statement.on_conflict_do_update(index_elements=["partner", "digest"], set_=asked))
    append_event(
        tx,
        partner,
        "asked",
        actor,
        business_date=business_date,
        external_id=external_id,
        question=digest,
        subject=subject.value,
        facts_digest=digest_of_text(text),
    )
    return load_question(tx, partner, digest)


def record_choice(  # noqa: PLR0913, PLR0917 - which question, the answer, why and by whom
    tx: Connection, partner: PartnerName, digest: str, choice: Choice, reason: str, actor: Actor
) -> Question:
    """Record a person's answer; the caller does what follows from it in the same transaction.

    :raises DecisionError: if it is answered already, or the answer does not fit the question
    :raises ConfigurationError: if there is no such question
    """
    lock_chain(tx, partner)
    row = tx.execute(_named(partner, digest).with_for_update()).one_or_none()
    if row is None:
        raise _unknown(partner, digest)
    asked = as_question(row)
    require_undecided(asked)
    require_fitting(asked, choice)
    tx.execute(
        question.update()
        .where(question.c.partner == partner, question.c.digest == digest)
        .values(choice=choice.value, reason=reason, decided_by=actor.who, decided_at=clock(tx))
    )
    append_event(
        tx,
        partner,
        "decided",
        actor,
        business_date=asked.business_date,
        external_id=asked.external_id,
        question=digest,
        subject=asked.subject.value,
        choice=choice.value,
        reason=reason,
    )
    return load_question(tx, partner, digest)


def load_question(tx: Connection, partner: PartnerName, digest: str) -> Question:
    """The question with this digest; a beginning that no other question shares is enough.

    :raises ConfigurationError: if there is none, or several begin like this
    """
    query = select(question).where(
        question.c.partner == partner, question.c.digest.startswith(digest, autoescape=True)
    )
    rows = tx.execute(query.limit(2)).all()
    if len(rows) > 1:
        raise ConfigurationError(
            f"several questions of {partner} begin with {digest}: give more digits, as "
            f"`settlement decide {partner}` lists them",
            partner=partner,
        )
    if not rows or not digest:
        raise _unknown(partner, digest)
    return as_question(rows[0])


def choice_on(tx: Connection, partner: PartnerName, digest: str) -> Choice | None:
    """The answer to the question with exactly this digest, or None while there is none."""
    row = tx.execute(_named(partner, digest)).one_or_none()
    return Choice(row.choice) if row is not None and row.choice is not None else None


def open_questions(
    tx: Connection, partner: PartnerName, business_date: date | None = None
) -> list[Question]:
    """Questions that wait for a person now, oldest first: unanswered, and not out of date."""
    found = open_questions_of(tx, [partner])
    return [each for each in found if business_date in {None, each.business_date}]


def open_questions_of(tx: Connection, partners: Collection[PartnerName]) -> list[Question]:
    """The same of several partners."""
    query = select(question).where(question.c.partner.in_(partners), question.c.choice.is_(None))
    rows = tx.execute(query.order_by(question.c.asked_at)).all()
    return [each for each in map(as_question, rows) if still_matters(tx, each)]


def _named(partner: PartnerName, digest: str) -> Any:
    return select(question).where(question.c.partner == partner, question.c.digest == digest)


def _unknown(partner: PartnerName, digest: str) -> ConfigurationError:
    return ConfigurationError(
        f"no question of {partner} begins with {digest!r}: `settlement decide {partner}` lists "
        "the open ones. A ledger that was replaced asks again in the next run of the date",
        partner=partner,
    )


def as_question(row: Row[Any]) -> Question:
    """The question in a row of its table."""
    return Question(
        partner=row.partner,
        digest=row.digest,
        subject=Subject(row.subject),
        business_date=row.business_date,
        external_id=row.external_id,
        facts=json.loads(row.facts),
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        run_id=row.run_id,
        choice=Choice(row.choice) if row.choice is not None else None,
        reason=row.reason,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
