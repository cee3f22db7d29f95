"""One request: its bodies, every attempt with its answer, and both sides where they differ."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.ledger.overview import SlotView, view_slot
from settlement.ledger.people.question import Question, Subject
from settlement.ledger.people.questions import open_questions
from settlement.ledger.slots import load_slots
from settlement.request.external_id import parse_external_id
from settlement.steps.both_sides import BothSides, compared
from settlement.steps.forecast import Forecast, forecasts_of_date, load_around


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One request. `question`: the open one about it; `both_sides`: what that one compares.

    `if_cleared`: what clearing its task would do; None for what somebody else made.
    """

    view: SlotView
    if_cleared: Forecast | None
    question: Question | None
    both_sides: BothSides | None


def read_request_page(tx: Connection, partner: PartnerFile, external_id: str) -> RequestPage:
    """Everything that was built, sent and answered under an externalId.

    :raises ConfigurationError: if the ledger has no such slot
    """
    view = view_slot(tx, external_id)
    identity = parse_external_id(external_id)
    asked: list[Question] = []
    if_cleared = None
    if identity is not None:
        day = identity.business_date
        asked = [
            each
            for each in open_questions(tx, identity.partner, day)
            if each.external_id == external_id
        ]
        slots = load_slots(tx, partner.name, day)
        around = load_around(tx, partner, day)
        if_cleared = forecasts_of_date(tx, partner, day, slots, around).get(external_id)
    question = asked[-1] if asked else None
    diverged = question is not None and question.subject is Subject.DIVERGED
    both_sides = compared(question.facts) if question and diverged else None
    return RequestPage(view, if_cleared, question, both_sides)
