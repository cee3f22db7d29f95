"""What the partner sends otherwise than it is published: an event in the chain, once per kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from sqlalchemy import Connection, select

from settlement.ledger.chain import append_event, as_event, lock_chain
from settlement.ledger.database import Ledger
from settlement.ledger.schema import event
from settlement.partner.answers import partners_word
from settlement.partner.contract.comparing import PartnerChange, What, changes_in
from settlement.partner.exchange import Answer, ExchangeKind, TransportError
from settlement.values import Actor, PartnerName

PARTNER_CHANGED = "partner changed"
MOST_RECORDED = 200
"""Kinds that are recorded of a partner at most: if ids were names of fields, it would never end."""
_ANSWER_OF = {
    ExchangeKind.PAYLOAD: "payload_answer",
    ExchangeKind.SUBMIT: "submit_answer",
    ExchangeKind.LISTING: "settlements_answer",
    ExchangeKind.CONNECTIONS: "connections_answer",
    ExchangeKind.BALANCES: "balances_answer",
    ExchangeKind.DISPUTES: "disputes_answer",
    ExchangeKind.PROFILE: "partners_answer",
}
_told: dict[tuple[str, str], set[tuple[str, str, str]]] = {}
"""Kinds that this process has seen recorded, by ledger and partner: the ledger is asked once."""


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A difference, and when it was first seen."""

    at: datetime
    change: PartnerChange


def record_partner_changes(
    ledger: Ledger,
    partner: PartnerName,
    kind: ExchangeKind,
    outcome: Answer | TransportError,
    actor: Actor,
) -> None:
    """Record what is new in an answer of the partner to an attempt of that kind.

    In a transaction of its own, once the answer is in the attempt's row: whatever becomes of this,
    that stays.
    """
    changes = changes_of(kind, outcome) if isinstance(outcome, Answer) else []
    told = _told.setdefault((str(ledger.engine.url), partner), set())
    news = [each for each in changes if each.kind not in told]
    if not news:
        return
    with ledger.transaction() as tx:
        lock_chain(tx, partner)
        known = {each.change.kind for each in recorded_changes(tx, partner)}
        for each in news:
            if each.kind not in known and len(known) < MOST_RECORDED:
                known.add(each.kind)
                append_event(
                    tx,
                    partner,
                    PARTNER_CHANGED,
                    actor,
                    place=each.place,
                    what=each.what.value,
                    value=each.value,
                )
    told.update(each.kind for each in news)


def changes_of(kind: ExchangeKind, answer: Answer) -> list[PartnerChange]:
    """Differences in the answer to an attempt of that kind; none in errors, which are not fixed."""
    content = partners_word(answer.content)
    if content is None or (answer.status != HTTPStatus.OK and "settlement" not in content):
        return []
    if kind is ExchangeKind.LOOK_UP:
        of_one = not content.keys().isdisjoint({"settlement", "settlementTransfers"})
        return changes_in("settlement_answer" if of_one else "settlements_answer", content)
    return changes_in(_ANSWER_OF[kind], content)


def recorded_changes(tx: Connection, partner: PartnerName) -> Sequence[RecordedChange]:
    """All differences that are recorded of the partner, oldest first."""
    query = select(event).where(event.c.partner == partner, event.c.kind == PARTNER_CHANGED)
    found = [as_event(row) for row in tx.execute(query.order_by(event.c.seq))]
    return [
        RecordedChange(
            each.at,
            PartnerChange(each.details["place"], What(each.details["what"]), each.details["value"]),
        )
        for each in found
    ]
