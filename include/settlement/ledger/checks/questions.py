"""Invariants of questions: each says what its events say, and snapshots follow answers given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from settlement.ledger.chain import Event, read_events
from settlement.ledger.checks import Audited, broken
from settlement.ledger.people.question import SHORT, digest_of_text
from settlement.ledger.schema import question, snapshot
from settlement.values import PartnerName

ASKED, DECIDED = "asked", "decided"


def check_questions(tx: Connection, audited: Audited) -> int:
    """Every question is as it was asked last, and answered as its event says, once."""
    asked: dict[str, Event] = {}
    decided: dict[str, Event] = {}
    followed: dict[int, str | None] = {}
    for event in read_events(tx, audited.partner):
        if event.kind == ASKED:
            asked[event.details["question"]] = event
        elif event.kind == DECIDED:
            if event.details["question"] in decided:
                raise broken(f"{_named(event.details['question'])} is answered twice")
            decided[event.details["question"]] = event
        elif event.kind == "snapshot frozen":
            followed[event.details["snapshot_id"]] = event.details.get("decision")
    rows = tx.execute(select(question).where(question.c.partner == audited.partner)).all()
    for row in rows:
        _check_asked(row, asked.pop(row.digest, None))
        _check_answer(row, decided.pop(row.digest, None))
    if asked or decided:
        raise broken(f"{_named(min({*asked, *decided}))} is gone")
    _check_followed(tx, audited.partner, followed, {row.digest: row.choice for row in rows})
    return len(rows)


def _check_asked(row: Row[Any], event: Event | None) -> None:
    details: Mapping[str, Any] = event.details if event else {}
    said = (
        event.business_date if event else None,
        event.external_id if event else None,
        details.get("subject"),
        details.get("facts_digest"),
        details.get("who"),
        details.get("run_id"),
    )
    held = (
        row.business_date,
        row.external_id,
        row.subject,
        digest_of_text(row.facts),
        row.asked_by,
        row.run_id,
    )
    if said != held:
        raise broken(f"{_named(row.digest)} is not what its last event says was asked")


def _check_answer(row: Row[Any], event: Event | None) -> None:
    details: Mapping[str, Any] = event.details if event else {}
    said = (details.get("choice"), details.get("reason"), details.get("who"))
    if (row.choice, row.reason, row.decided_by) != said:
        raise broken(
            f"{_named(row.digest)} is answered {row.choice} by {row.decided_by}, its event says "
            f"{said[0]} by {said[2]}"
        )


def _check_followed(
    tx: Connection,
    partner: PartnerName,
    followed: Mapping[int, str | None],
    choices: Mapping[str, str | None],
) -> None:
    """A snapshot that was frozen over changed history follows an answer that somebody gave."""
    query = select(snapshot.c.id, snapshot.c.decision).where(snapshot.c.partner == partner)
    for row in tx.execute(query.order_by(snapshot.c.id)):
        if row.decision != followed.get(row.id):
            raise broken(f"snapshot {row.id} does not follow the answer that its event names")
        if row.decision is not None and choices.get(row.decision) is None:
            raise broken(f"snapshot {row.id} follows an answer that nobody gave")


def _named(digest: str) -> str:
    return f"question {digest[:SHORT]}"
