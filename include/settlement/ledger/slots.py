"""Slots and their bodies: loading and opening them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import (
    Connection,
    Date,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    exists,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from settlement.errors import ConfigurationError
from settlement.ledger.database import NOW
from settlement.ledger.schema import body, line, slot
from settlement.request.external_id import SlotIdentity
from settlement.request.instruction import digest, nonce_of
from settlement.request.notes import notes_of
from settlement.slot.evidence import Verdict
from settlement.slot.state import Body, Slot, State
from settlement.values import Line, PartnerName, PositionKey, Window

_BY_ID = select(slot).where(slot.c.external_id == bindparam("external_id"))
_BY_DATE = (
    select(slot)
    .where(
        slot.c.partner == bindparam("partner"), slot.c.business_date == bindparam("business_date")
    )
    .order_by(slot.c.n.nulls_last(), slot.c.external_id)
)
_BY_DATES = (
    select(slot)
    .where(
        tuple_(slot.c.partner, slot.c.business_date).in_(
            select(
                func.unnest(bindparam("partners", type_=ARRAY(Text))),
                func.unnest(bindparam("business_dates", type_=ARRAY(Date))),
            )
        )
    )
    .order_by(slot.c.partner, slot.c.business_date, slot.c.n.nulls_last(), slot.c.external_id)
)
_LOWER = _BY_DATE.where(
    slot.c.n < bindparam("n"), slot.c.state == any_(bindparam("states", type_=ARRAY(Text)))
)
_CONCERNING = _BY_DATE.where(
    (slot.c.state == State.DIVERGED.value)
    | exists().where(
        line.c.external_id == slot.c.external_id,
        line.c.connection_id == any_(bindparam("connections", type_=ARRAY(Text))),
    )
)
_BY_ID_LOCKED, _BY_DATE_LOCKED = _BY_ID.with_for_update(), _BY_DATE.with_for_update()
_BODIES = (
    select(
        body.c.external_id,
        body.c.number,
        body.c.sent_at,
        body.c.cutoff_at,
        body.c.window_start,
        body.c.window_end,
        line.c.connection_id,
        line.c.currency,
        line.c.amount,
    )
    .outerjoin(line, (line.c.external_id == body.c.external_id) & (line.c.body == body.c.number))
    .where(body.c.external_id == any_(bindparam("external_ids", type_=ARRAY(Text))))
    .order_by(body.c.external_id, body.c.number)
)
_OPEN = (
    insert(slot)
    .values(absences=0, updated_at=NOW)
    .on_conflict_do_nothing()
    .returning(slot.c.external_id)
)
_ADD_BODY = body.insert().values(built_at=NOW)
_ADOPT_BODY = _ADD_BODY.values(sent_at=NOW)
_ADD_LINES = line.insert()


def load_slots(
    tx: Connection, partner: PartnerName, business_date: date, *, lock: bool = False
) -> list[Slot]:
    """All slots of a date with their bodies, in order; locked to the transaction's end if asked."""
    named = {"partner": partner, "business_date": business_date}
    return _load(tx, _BY_DATE_LOCKED if lock else _BY_DATE, named)


def load_slots_of_dates(
    tx: Connection, keys: Collection[tuple[PartnerName, date]]
) -> dict[tuple[PartnerName, date], list[Slot]]:
    """The same for several dates of several partners; nothing for a date without slots."""
    named = {
        "partners": [partner for partner, _ in keys],
        "business_dates": [business_date for _, business_date in keys],
    }
    rows = tx.execute(_BY_DATES, named).all()
    bodies = _load_bodies(tx, [row.external_id for row in rows])
    found: dict[tuple[PartnerName, date], list[Slot]] = {}
    for row in rows:
        slots = found.setdefault((row.partner, row.business_date), [])
        slots.append(_as_slot(row, bodies.get(row.external_id, [])))
    return found


def load_lower_slots(
    tx: Connection, partner: PartnerName, business_date: date, n: int, states: Collection[State]
) -> list[Slot]:
    """The slots of a date with a number below `n` that are in one of the states, in order."""
    named = {
        "partner": partner,
        "business_date": business_date,
        "n": n,
        "states": [state.value for state in states],
    }
    return _load(tx, _LOWER, named)


def load_slots_concerning(
    tx: Connection, partner: PartnerName, business_date: date, connections: Collection[str]
) -> list[Slot]:
    """The slots of a date that hold one of the connections, in order.

    With them those that are diverged: nobody knows what they hold.
    """
    named = {
        "partner": partner,
        "business_date": business_date,
        "connections": list(connections),
    }
    return _load(tx, _CONCERNING, named)


def load_slot(tx: Connection, external_id: str, *, lock: bool = False) -> Slot | None:
    """One slot with its bodies, or None."""
    found = _load(tx, _BY_ID_LOCKED if lock else _BY_ID, {"external_id": external_id})
    return found[0] if found else None


def require_slot(tx: Connection, external_id: str, *, lock: bool = False) -> Slot:
    """One slot with its bodies.

    :raises ConfigurationError: if the ledger has no such slot
    """
    found = load_slot(tx, external_id, lock=lock)
    if found is None:
        raise ConfigurationError(
            f"the ledger has no slot {external_id}: check the id with `settlement show`",
            external_id=external_id,
        )
    return found


def _load(tx: Connection, query: Select[Any], named: Mapping[str, object]) -> list[Slot]:
    rows = tx.execute(query, named).all()
    bodies = _load_bodies(tx, [row.external_id for row in rows])
    return [_as_slot(row, bodies.get(row.external_id, [])) for row in rows]


def _as_slot(row: Row[tuple[object, ...]], bodies: Iterable[Body]) -> Slot:
    return Slot(
        external_id=row.external_id,
        state=State(row.state),
        current_body=row.current_body,
        settlement_id=row.settlement_id,
        reason=row.reason,
        last_verdict=Verdict(row.last_verdict) if row.last_verdict else None,
        absences=row.absences,
        bodies=tuple(bodies),
    )


def _load_bodies(tx: Connection, external_ids: Sequence[str]) -> dict[str, list[Body]]:
    if not external_ids:
        return {}
    found = tx.execute(_BODIES, {"external_ids": list(external_ids)})
    bodies: dict[str, list[Body]] = {}
    for (external_id, number, sent_at, cutoff_at, *bounds), rows in groupby(
        found, lambda row: row[:6]
    ):
        positions = {
            PositionKey(row.connection_id, row.currency): row.amount
            for row in rows
            if row.amount is not None
        }
        each = Body(number, positions, sent_at is not None, cutoff_at, window_of(*bounds))
        bodies.setdefault(external_id, []).append(each)
    return bodies


def window_of(start: datetime | None, end: datetime | None) -> Window | None:
    """The window of a body as its two columns say it."""
    return None if start is None or end is None else Window(start, end)


def open_slot(
    tx: Connection,
    identity: SlotIdentity,
    *,
    state: State = State.WITHDRAWN,
    external_id: str | None = None,
) -> Slot:
    """A new, empty slot; `external_id` only for a foreign settlement that a person records."""
    name = external_id or identity.external_id
    values = {
        "external_id": name,
        "partner": identity.partner,
        "business_date": identity.business_date,
        "n": None if external_id else identity.n,
        "state": state.value,
    }
    opened = tx.execute(_OPEN, values).one_or_none()
    return Slot(name, state) if opened else require_slot(tx, name, lock=True)


@dataclass(frozen=True, slots=True)
class NewBody:
    """A body beside its lines.

    `window`: of the trades that it settles; None where no notes of ours tell it, or a person has
    taken the body as booked.
    `cutoff_at`: of the newest trade that it settles, where version 2 of the API asks for it.
    """

    number: int
    business_date: date
    origin: Literal["built", "adopted"]
    snapshot_id: int | None = None
    window: Window | None = None
    cutoff_at: datetime | None = None


def add_body(tx: Connection, external_id: str, lines: Sequence[Line], new: NewBody) -> None:
    """Store a body and its lines under a slot; nonce and notes follow from what it says."""
    window, cutoff_at = new.window, new.cutoff_at
    nonce = nonce_of(external_id, lines, cutoff_at, window)
    values = {
        "external_id": external_id,
        "number": new.number,
        "snapshot_id": new.snapshot_id,
        "nonce": nonce,
        "notes": notes_of(new.business_date, nonce, window),
        "window_start": window.start if window else None,
        "window_end": window.end if window else None,
        "cutoff_at": cutoff_at,
        "digest": digest(lines),
        "origin": new.origin,
    }
    tx.execute(_ADOPT_BODY if new.origin == "adopted" else _ADD_BODY, values)
    tx.execute(
        _ADD_LINES,
        [
            {
                "external_id": external_id,
                "body": new.number,
                "connection_id": each.connection_id,
                "currency": each.currency,
                "amount": each.amount,
                "kind": "trading",
            }
            for each in lines
        ],
    )
