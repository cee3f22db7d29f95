"""Which trades the ledger forgets, and settled dates of whose trades it knows too little.

Without the hashes themselves, so that tasks that need none do not load what computes with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Text, and_, any_, bindparam, case, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from settlement.ledger.schema import body, remembered_date, remembered_trades, slot
from settlement.slot.state import IN_EFFECT
from settlement.values import PartnerName

_FOUND_AT_THE_PARTNER = func.max(case((body.c.origin == "adopted", body.c.built_at)))
_IN_EFFECT = (
    select(slot.c.business_date, _FOUND_AT_THE_PARTNER.label("found_at"))
    .join(
        body,
        and_(body.c.external_id == slot.c.external_id, body.c.number == slot.c.current_body),
    )
    .where(
        slot.c.partner == bindparam("partner"),
        slot.c.business_date != bindparam("business_date"),
        slot.c.business_date.between(bindparam("first"), bindparam("last")),
        slot.c.state == any_(bindparam("states", type_=ARRAY(Text))),
    )
    .group_by(slot.c.business_date)
    .subquery()
)
_FORGOTTEN = (
    select(_IN_EFFECT.c.business_date)
    .outerjoin(
        remembered_date,
        and_(
            remembered_date.c.partner == bindparam("partner"),
            remembered_date.c.business_date == _IN_EFFECT.c.business_date,
        ),
    )
    .where(
        or_(
            remembered_date.c.remembered_at.is_(None),
            remembered_date.c.complete.is_(False),
            _IN_EFFECT.c.found_at > remembered_date.c.remembered_at,
        )
    )
    .order_by(_IN_EFFECT.c.business_date)
)
_FOUND_SINCE = select(_IN_EFFECT.c.business_date).where(_IN_EFFECT.c.found_at > bindparam("since"))


class Role(StrEnum):
    """What trades are to the date that remembers them."""

    READ = "read"
    """They belong to the date."""
    TAKEN_BACK = "taken-back"
    """They went, and a person has decided that their money goes back: theirs until it has."""
    LEFT_OUT = "left-out"
    """Its window holds them, and a person has decided that they are another date's."""


HASH_LENGTH = 8


def digest_of_trades(groups: Iterable[tuple[str, bytes]]) -> tuple[str, int]:
    """SHA-256 over the groups of a date's own trades, in their order, and how many trades they are.

    :param groups: what their ids begin with, and their hashes as they are kept
    """
    hashed = hashlib.sha256()
    count = 0
    for beginning, hashes in groups:
        hashed.update(f"{beginning} {len(hashes)}\n".encode() + hashes)
        count += len(hashes) // HASH_LENGTH
    return hashed.hexdigest(), count


def forgotten_dates(
    tx: Connection, partner: PartnerName, business_date: date, look_back: timedelta
) -> list[date]:
    """Dates around a date that are settled, and of whose trades the ledger knows too little.

    Nothing is remembered of them; or a settlement was found at the partner, or recorded by a
    person, after they were read; or they were first read after that, and are not proved settled.
    """
    named = _around(partner, business_date, look_back)
    return list(tx.execute(_FORGOTTEN, named).scalars())


def is_forgotten(tx: Connection, partner: PartnerName, business_date: date) -> bool:
    """Whether more of a date is settled than the ledger knows the trades of."""
    named = _around(partner, business_date, timedelta(0)) | {"business_date": date.min}
    return tx.execute(_FORGOTTEN, named).first() is not None


def found_since(
    tx: Connection, partner: PartnerName, business_date: date, look_back: timedelta, since: datetime
) -> bool:
    """Whether a settlement of another date around this one was found or recorded since then."""
    named = _around(partner, business_date, look_back) | {"since": since}
    return tx.execute(_FOUND_SINCE, named).first() is not None


def forget_what_was_taken_back(tx: Connection, partner: PartnerName, business_date: date) -> None:
    """The date is settled: what went from it is booked no more, and may be another date's.

    What is booked is what it has read, so all of it is remembered.
    """
    tx.execute(
        remembered_date.update()
        .where(
            remembered_date.c.partner == partner,
            remembered_date.c.business_date == business_date,
            remembered_date.c.complete.is_(False),
        )
        .values(complete=True)
    )
    tx.execute(
        remembered_trades.delete().where(
            remembered_trades.c.partner == partner,
            remembered_trades.c.business_date == business_date,
            remembered_trades.c.role == Role.TAKEN_BACK.value,
        )
    )


def forget_before(tx: Connection, partner: PartnerName, first: date) -> None:
    """Forget the trades of all dates before `first`."""
    tx.execute(
        remembered_date.delete().where(
            remembered_date.c.partner == partner, remembered_date.c.business_date < first
        )
    )


def _around(partner: PartnerName, business_date: date, look_back: timedelta) -> dict[str, object]:
    return {
        "partner": partner,
        "business_date": business_date,
        "first": business_date - look_back,
        "last": business_date + look_back,
        "states": [each.value for each in IN_EFFECT],
    }
