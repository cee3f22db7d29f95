"""The stored form of a body: what was asked, the payload, the signature, the exact bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from settlement.errors import ConfigurationError
from settlement.ledger.schema import body, line, slot
from settlement.ledger.slots import window_of
from settlement.values import Line, PartnerName, Window

_OF_SLOT = (
    select(body, slot.c.partner, slot.c.business_date)
    .join(slot, slot.c.external_id == body.c.external_id)
    .where(body.c.external_id == bindparam("external_id"))
    .order_by(body.c.number)
)
_CURRENT = _OF_SLOT.where(body.c.number == slot.c.current_body)
_LINES = select(line.c.body, line.c.connection_id, line.c.currency, line.c.amount).where(
    line.c.external_id == bindparam("external_id"),
    line.c.body == any_(bindparam("numbers", type_=ARRAY(Integer))),
)


@dataclass(frozen=True, slots=True)
class StoredBody:
    """One body of a slot, with its lines sorted by connection and currency."""

    external_id: str
    partner: PartnerName
    business_date: date
    number: int
    snapshot_id: int | None
    nonce: str
    notes: str
    window: Window | None
    cutoff_at: datetime | None
    digest: str
    origin: str
    payload: str | None
    signature: str | None
    key_id: str | None
    request: bytes | None
    built_at: datetime
    sent_at: datetime | None
    lines: tuple[Line, ...]


def load_bodies(tx: Connection, external_id: str) -> list[StoredBody]:
    """All bodies of a slot, oldest first."""
    return _load(tx, _OF_SLOT, external_id)


def _load(tx: Connection, query: Select[Any], external_id: str) -> list[StoredBody]:
    rows = tx.execute(query, {"external_id": external_id}).mappings().all()
    lines: dict[int, list[Line]] = {}
    numbers = [row["number"] for row in rows]
    for number, *held in tx.execute(_LINES, {"external_id": external_id, "numbers": numbers}):
        lines.setdefault(number, []).append(Line(*held))
    fields = StoredBody.__dataclass_fields__.keys() - {"lines", "window"}
    return [
        StoredBody(
            **{name: row[name] for name in fields},
            window=window_of(row["window_start"], row["window_end"]),
            lines=tuple(sorted(lines.get(row["number"], []))),
        )
        for row in rows
    ]


def load_current_body(tx: Connection, external_id: str) -> StoredBody:
    """The current body of a slot.

    :raises ConfigurationError: if the slot is unknown or has none
    """
    current = _load(tx, _CURRENT, external_id)
    if not current:
        raise ConfigurationError(
            f"slot {external_id} has no current body: look at it with `settlement show`",
            external_id=external_id,
        )
    return current[0]
