"""Whether a question is still about what is there: its facts, compared with the tables of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from settlement.ledger.people.question import Question, Subject
from settlement.ledger.schema import body, question, slot, snapshot
from settlement.slot.state import State


def still_matters(tx: Connection, asked: Question) -> bool:
    """Whether the question is about what is there now: the newest of its kind, facts unchanged."""
    return _is_newest(tx, asked) and _STILL_SO[asked.subject](tx, asked)


def _is_newest(tx: Connection, asked: Question) -> bool:
    query = select(question.c.digest).where(
        question.c.partner == asked.partner,
        question.c.subject == asked.subject.value,
        question.c.business_date == asked.business_date,
        question.c.external_id.is_not_distinct_from(asked.external_id),
        question.c.asked_at > asked.asked_at,
    )
    return tx.execute(query.limit(1)).one_or_none() is None


def _slot_is_diverged(tx: Connection, asked: Question) -> bool:
    state = tx.execute(
        select(slot.c.state).where(slot.c.external_id == asked.external_id)
    ).scalar_one_or_none()
    return bool(state == State.DIVERGED.value)


def _nothing_frozen_since(tx: Connection, asked: Question) -> bool:
    query = select(snapshot.c.id).where(
        snapshot.c.partner == asked.partner,
        snapshot.c.business_date == asked.business_date,
        snapshot.c.taken_at > asked.asked_at,
    )
    return tx.execute(query.limit(1)).one_or_none() is None


def _bodies_wait(tx: Connection, asked: Question) -> bool:
    """Whether every body that was asked about is still current and was never sent."""
    wanted: Sequence[Mapping[str, str]] = asked.facts["requests"]
    query = (
        select(slot.c.external_id, body.c.digest)
        .join(
            body,
            (body.c.external_id == slot.c.external_id) & (body.c.number == slot.c.current_body),
        )
        .where(slot.c.external_id.in_([each["external_id"] for each in wanted]))
        .where(body.c.sent_at.is_(None))
    )
    waiting = {(row.external_id, row.digest) for row in tx.execute(query)}
    return {(each["external_id"], each["body_digest"]) for each in wanted} <= waiting


_STILL_SO = {
    Subject.DIVERGED: _slot_is_diverged,
    Subject.HISTORY: _nothing_frozen_since,
    Subject.OTHER_DATE: _nothing_frozen_since,
    Subject.APPROVAL: _bodies_wait,
}
