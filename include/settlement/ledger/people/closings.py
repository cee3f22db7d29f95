"""Business dates that a person has closed: no run settles them, and the watch leaves them alone.

The chain of events is the record: the newest of two kinds of event about a date decides.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ARRAY, Connection, Text, any_, bindparam, cast, select
from sqlalchemy.dialects.postgresql import JSON

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError, DateClosedError
from settlement.ledger.chain import append_event, lock_chain
from settlement.ledger.dates import load_date
from settlement.ledger.schema import event
from settlement.ledger.slots import load_slots
from settlement.slot.state import OPEN, State
from settlement.values import Actor, PartnerName
from settlement.wording import first_few

CLOSED, REOPENED = "date closed", "date reopened"
"""Kinds of events; the index closing_of_date is over them."""
MONEY_MAY_MOVE = OPEN | {State.DIVERGED}
_details = cast(event.c.details, JSON)
_NEWEST = (
    select(
        event.c.partner,
        event.c.business_date,
        event.c.kind,
        event.c.at,
        _details["who"].astext.label("who"),
        _details["reason"].astext.label("reason"),
    )
    .distinct(event.c.partner, event.c.business_date)
    .where(
        event.c.kind.in_((CLOSED, REOPENED)),
        event.c.partner == any_(bindparam("partners", type_=ARRAY(Text))),
    )
    .order_by(event.c.partner, event.c.business_date, event.c.seq.desc())
)
_NEWEST_OF_DATE = _NEWEST.where(event.c.business_date == bindparam("business_date"))


@dataclass(frozen=True, slots=True)
class Closing:
    """Who has closed a date, when and why."""

    who: str
    at: datetime
    reason: str


def closed_dates(
    tx: Connection, partners: Collection[PartnerName]
) -> dict[tuple[PartnerName, date], Closing]:
    """The dates of the partners that are closed."""
    rows = tx.execute(_NEWEST, {"partners": list(partners)})
    return {
        (row.partner, row.business_date): Closing(row.who, row.at, row.reason)
        for row in rows
        if row.kind == CLOSED
    }


def closing_of(tx: Connection, partner: PartnerName, business_date: date) -> Closing | None:
    """The closing of a date, or None if it is open."""
    named = {"partners": [partner], "business_date": business_date}
    row = tx.execute(_NEWEST_OF_DATE, named).one_or_none()
    return Closing(row.who, row.at, row.reason) if row is not None and row.kind == CLOSED else None


def why_closed(tx: Connection, partner: PartnerName, business_date: date) -> DateClosedError | None:
    """The error for whatever would be settled of the date, if it is closed."""
    closing = closing_of(tx, partner, business_date)
    return None if closing is None else closed(partner, business_date, closing)


def closed(partner: PartnerName, business_date: date, closing: Closing) -> DateClosedError:
    """The error for whatever would be settled of a closed date."""
    return DateClosedError(
        f"{partner} {business_date} is closed by {closing.who} since {closing.at.isoformat()} "
        f"({closing.reason}): nothing is read or sent for it.",
        to_do="if it is to be settled after all, reopen it (`settlement reopen-date "
        f"{partner} {business_date}`, or the page Actions), then clear this task",
        partner=partner,
        business_date=business_date,
    )


def require_not_closed(tx: Connection, partner: PartnerName, business_date: date) -> None:
    """Let no run settle a date that a person has closed.

    :raises DateClosedError: if it is closed
    """
    error = why_closed(tx, partner, business_date)
    if error is not None:
        raise error


def close_date(
    tx: Connection, partner: PartnerFile, business_date: date, reason: str, actor: Actor
) -> None:
    """Close a date: what is not settled of it stays so, until somebody reopens it.

    What is built and not sent stays unsent: a send looks for the closing, too.

    :raises ConfigurationError: if it is closed already or no business date, or a request of it is
        not concluded
    """
    name = partner.name
    lock_chain(tx, name)  # nothing is built or sent until this is decided
    if closing_of(tx, name, business_date) is not None:
        raise ConfigurationError(
            f"{name} {business_date} is closed already: nothing to do", partner=name
        )
    known = load_date(tx, name, business_date) is not None
    if not known and not BusinessCalendar(partner).is_business_date(business_date):
        raise ConfigurationError(
            f"{business_date} is no business date of {name}: nothing to close", partner=name
        )
    left = [
        f"{each.external_id} is {each.state.value}"
        for each in load_slots(tx, name, business_date)
        if each.state in MONEY_MAY_MOVE
    ]
    if left:
        raise ConfigurationError(
            f"{name} {business_date} cannot be closed while money may move for it: "
            f"{first_few(left)}. Run the date until nothing is open, then close it",
            partner=name,
        )
    append_event(tx, name, CLOSED, actor, business_date=business_date, reason=reason)


def reopen_date(
    tx: Connection, partner: PartnerName, business_date: date, reason: str, actor: Actor
) -> None:
    """Open a closed date again: its next run settles what is left.

    :raises ConfigurationError: if it is not closed
    """
    if closing_of(tx, partner, business_date) is None:
        raise ConfigurationError(
            f"{partner} {business_date} is not closed: nothing to do", partner=partner
        )
    append_event(tx, partner, REOPENED, actor, business_date=business_date, reason=reason)
