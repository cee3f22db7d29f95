"""Requests that are open for too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from settlement.ledger.schema import slot
from settlement.slot.state import OPEN, State
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind, in_words


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A request whose end nothing proves yet; `since` is when it was first sent."""

    external_id: str
    business_date: date
    state: State
    since: datetime


def read_open_slots(context: WatchContext) -> Sequence[OpenSlot]:
    """All open slots of the partner, however old their dates are."""
    since = func.coalesce(slot.c.first_sent_at, slot.c.updated_at).label("since")
    query = select(slot.c.external_id, slot.c.business_date, slot.c.state, since).where(
        slot.c.partner == context.partner.name, slot.c.state.in_([each.value for each in OPEN])
    )
    with context.ledger.transaction() as tx:
        return [
            OpenSlot(row.external_id, row.business_date, State(row.state), row.since)
            for row in tx.execute(query.order_by(slot.c.business_date, slot.c.n))
        ]


def open_too_long(context: WatchContext, slots: Sequence[OpenSlot]) -> Iterator[Finding]:
    """Those that are older than `look_up_first_after`."""
    for each in slots:
        age = context.now - each.since
        if age <= context.partner.look_up_first_after:
            continue
        text = (
            f"was sent {in_words(age)} ago and is {each.state.value}: clear submit_requests of the "
            "date's run with downstream, which looks it up before anything is sent"
        )
        yield Finding(
            Kind.OPEN_TOO_LONG,
            context.partner.name,
            text,
            business_date=each.business_date,
            external_id=each.external_id,
        )
