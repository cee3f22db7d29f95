"""Above the partner file's approval limits a person approves before anything is signed or sent.

An approval names requests by externalId and digest of their amounts, nothing else: a request that
was built anew with other amounts has to be approved anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from settlement.config.partner_file import PartnerFile
from settlement.errors import ApprovalMissingError
from settlement.ledger.people.question import (
    SHORT,
    Choice,
    Question,
    Subject,
    digest_over,
    totals_in_facts,
)
from settlement.ledger.people.questions import NewQuestion, as_question, ask, choice_on
from settlement.ledger.schema import question
from settlement.ledger.slots import load_slots
from settlement.request.instruction import digest
from settlement.slot.state import IN_EFFECT, Slot, State
from settlement.values import Actor, Line, PartnerName, as_lines

COUNTED = IN_EFFECT | {State.PREPARED}
"""States whose current body counts against the limits: it has moved money, or is about to."""


@dataclass(frozen=True, slots=True)
class Named:
    """One request as an approval names it."""

    external_id: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A limit that the date is above; `what` is a currency, or "requests"."""

    what: str
    limit: int
    total: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The requests of a date: what would be sent, and what is in effect already."""

    to_send: tuple[Slot, ...]
    in_effect: tuple[Slot, ...]

    def above(self, partner: PartnerFile) -> list[Passed]:
        """The approval limits that all requests together are above."""
        limits, counted = partner.approval, [*self.to_send, *self.in_effect]
        passed: list[Passed] = []
        if limits.requests is not None and len(counted) > limits.requests:
            passed.append(Passed("requests", limits.requests, len(counted)))
        gross: dict[str, int] = {}
        for line in _lines_of(counted):
            gross[line.currency] = gross.get(line.currency, 0) + abs(line.amount)
        return passed + [
            Passed(currency, limit, gross[currency])
            for currency, limit in sorted(limits.gross.items())
            if gross.get(currency, 0) > limit
        ]


def ask_for_approval(
    tx: Connection, partner: PartnerFile, business_date: date, actor: Actor
) -> Question | None:
    """Ask about the requests that a build leaves unapproved; None if there is nothing to approve.

    Requests that were rejected as they are become a new question: a run that somebody starts again
    asks again.
    """
    if partner.approval.asks_nothing:
        return None
    totals = _totals_of(load_slots(tx, partner.name, business_date))
    above = totals.above(partner)
    missing = _unapproved(tx, partner.name, business_date, totals) if above else []
    if not missing:
        return None
    return ask(
        tx,
        NewQuestion(
            partner=partner.name,
            digest=_digest_to_ask(tx, partner.name, business_date, missing),
            subject=Subject.APPROVAL,
            business_date=business_date,
            facts=_facts(missing, totals, above),
        ),
        actor,
    )


def require_approved(
    tx: Connection, partner: PartnerFile, business_date: date, external_ids: Iterable[str]
) -> None:
    """Refuse to sign what needs an approval and has none.

    :raises ApprovalMissingError: naming the limits, the requests, and how it was answered
    """
    missing = missing_approval(tx, partner, business_date, external_ids)
    if missing is not None:
        raise missing


def missing_approval(
    tx: Connection, partner: PartnerFile, business_date: date, external_ids: Iterable[str]
) -> ApprovalMissingError | None:
    """The error about those of the requests that need an approval and have none, if there are any.

    It names the limits, the requests, and how the question was answered.
    """
    if partner.approval.asks_nothing:
        return None
    totals = _totals_of(load_slots(tx, partner.name, business_date))
    above = totals.above(partner)
    if not above:
        return None
    wanted = set(external_ids)
    missing = [
        each
        for each in _unapproved(tx, partner.name, business_date, totals)
        if each.external_id in wanted
    ]
    return _missing_error(tx, partner.name, business_date, above, missing) if missing else None


def _totals_of(slots: Sequence[Slot]) -> Totals:
    counted = [each for each in slots if each.state in COUNTED and each.current is not None]
    return Totals(
        tuple(each for each in counted if each.never_sent),
        tuple(each for each in counted if not each.never_sent),
    )


def _unapproved(
    tx: Connection, partner: PartnerName, business_date: date, totals: Totals
) -> list[Slot]:
    approved = _approved(tx, partner, business_date)
    return [each for each in totals.to_send if _named(each) not in approved]


def _approved(tx: Connection, partner: PartnerName, business_date: date) -> set[Named]:
    query = select(question).where(
        question.c.partner == partner,
        question.c.business_date == business_date,
        question.c.subject == Subject.APPROVAL.value,
        question.c.choice == Choice.APPROVE.value,
    )
    return {
        Named(each["external_id"], each["body_digest"])
        for row in tx.execute(query)
        for each in as_question(row).facts["requests"]
    }


def _named(slot: Slot) -> Named:
    return Named(slot.external_id, digest(_lines_of([slot])))


def _lines_of(slots: Iterable[Slot]) -> list[Line]:
    return [line for slot in slots if slot.current for line in as_lines(slot.current.positions)]


def _digest_to_ask(
    tx: Connection, partner: PartnerName, business_date: date, missing: Sequence[Slot]
) -> str:
    named = [[each.external_id, _named(each).body_digest] for each in missing]
    rejections = 0
    while True:
        found = digest_over(Subject.APPROVAL, partner, business_date.isoformat(), named, rejections)
        if choice_on(tx, partner, found) is not Choice.REJECT:
            return found
        rejections += 1


def _facts(missing: Sequence[Slot], totals: Totals, above: Sequence[Passed]) -> dict[str, Any]:
    return {
        "requests": [
            {"external_id": each.external_id, "body_digest": _named(each).body_digest}
            for each in missing
        ],
        "totals": totals_in_facts(_lines_of(missing)),
        "in_effect": len(totals.in_effect),
        "totals_in_effect": totals_in_facts(_lines_of(totals.in_effect)),
        "above": [
            {"what": each.what, "limit": str(each.limit), "total": str(each.total)}
            for each in above
        ],
    }


def _missing_error(
    tx: Connection,
    partner: PartnerName,
    business_date: date,
    above: Sequence[Passed],
    missing: Sequence[Slot],
) -> ApprovalMissingError:
    passed = ", ".join(f"{each.what} {each.total} above {each.limit}" for each in above)
    ids = ", ".join(each.external_id for each in missing)
    return ApprovalMissingError(
        f"{partner} {business_date} is above the approval limits of the partner file ({passed}, "
        f"amounts in base units), and nobody has approved {ids}: not signed, not sent. "
        f"{_next_step(tx, partner, business_date)}",
        partner=partner,
        business_date=business_date,
        external_ids=[each.external_id for each in missing],
    )


def _next_step(tx: Connection, partner: PartnerName, business_date: date) -> str:
    query = select(question).where(
        question.c.partner == partner,
        question.c.business_date == business_date,
        question.c.subject == Subject.APPROVAL.value,
    )
    row = tx.execute(query.order_by(question.c.asked_at.desc()).limit(1)).one_or_none()
    newest = as_question(row) if row is not None else None
    if newest is None or newest.choice is Choice.APPROVE:
        return "Clear build_requests with its downstream tasks: it asks for the approval"
    if newest.choice is Choice.REJECT:
        return (
            f"{newest.decided_by} rejected it ({newest.reason}). If that has changed, clear "
            "build_requests with its downstream tasks: it asks again"
        )
    return (
        f"Somebody else than {newest.asked_by} answers with `settlement decide {partner} "
        f"{newest.digest[:SHORT]}`; then clear sign_requests with its downstream tasks"
    )
