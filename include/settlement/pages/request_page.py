"""One request: its bodies, every attempt with its answer, and both sides where they differ."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from settlement.ledger.overview import SlotView, view_slot
from settlement.ledger.people.question import Question, Subject
from settlement.ledger.people.questions import open_questions
from settlement.request.external_id import parse_external_id
from settlement.steps.both_sides import BothSides, compared


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One request. `question`: the open one about it; `both_sides`: what that one compares."""

    view: SlotView
    question: Question | None
    both_sides: BothSides | None


def read_request_page(tx: Connection, external_id: str) -> RequestPage:
    """Everything that was built, sent and answered under an externalId.

    :raises ConfigurationError: if the ledger has no such slot
    """
    view = view_slot(tx, external_id)
    identity = parse_external_id(external_id)
    asked = (
        [
            each
            for each in open_questions(tx, identity.partner, identity.business_date)
            if each.external_id == external_id
        ]
        if identity
        else []
    )
    question = asked[-1] if asked else None
    diverged = question is not None and question.subject is Subject.DIVERGED
    return RequestPage(view, question, compared(question.facts) if question and diverged else None)
