"""Append-only events, hash-chained per partner: who did what to the ledger, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from settlement.errors import ChainBrokenError
from settlement.ledger.database import NOW
from settlement.ledger.schema import chain_head, event
from settlement.values import Actor, PartnerName

GENESIS = "0" * 64
_HEAD = (
    select(chain_head.c.seq, chain_head.c.hash, NOW.label("now"))
    .where(chain_head.c.partner == bindparam("partner"))
    .with_for_update()
)
_MOVED = (
    chain_head.update()
    .where(chain_head.c.partner == bindparam("new_partner"))
    .values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))
    .returning(chain_head.c.seq)
    .cte("moved")
)
_APPEND = (
    event.insert()
    .values({column: bindparam(f"new_{column.name}") for column in event.c})
    .add_cte(_MOVED)
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `details` is the JSON object that was hashed."""

    partner: PartnerName
    seq: int
    at: datetime
    kind: str
    business_date: date | None
    external_id: str | None
    details: Mapping[str, Any]
    hash: str


def append_event(  # noqa: PLR0913 - the columns of an event, and what it says
    tx: Connection,
    partner: PartnerName,
    kind: str,
    actor: Actor,
    *,
    business_date: date | None = None,
    external_id: str | None = None,
    **details: object,
) -> None:
    """Append one event in this transaction; locks the head of the partner's chain until its end.

    :param details: JSON values; amounts as text; digests of the rows that the event speaks of
    """
    head = lock_chain(tx, partner)
    row = {
        "partner": partner,
        "seq": head.seq + 1,
        "at": head.now,
        "kind": kind,
        "business_date": business_date,
        "external_id": external_id,
        "details": _canonical({**_described(actor), **details}),
        "previous_hash": head.hash,
    }
    row["hash"] = event_hash(row)
    tx.execute(_APPEND, {f"new_{name}": value for name, value in row.items()})


def lock_chain(tx: Connection, partner: PartnerName) -> Row[Any]:
    """The head of the partner's chain and the time, locked to the transaction's end.

    Whatever is locked after it in one place must be locked after it everywhere.
    """
    head = tx.execute(_HEAD, {"partner": partner}).one_or_none()
    if head is None:
        first = insert(chain_head).values(partner=partner, seq=0, hash=GENESIS)
        tx.execute(first.on_conflict_do_nothing())
        head = tx.execute(_HEAD, {"partner": partner}).one()
    return head


def event_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 over the event's content and the hash of the event before it."""
    content = {
        "partner": row["partner"],
        "seq": row["seq"],
        "at": row["at"].astimezone(UTC).isoformat(),
        "kind": row["kind"],
        "business_date": row["business_date"].isoformat() if row["business_date"] else None,
        "external_id": row["external_id"],
        "details": row["details"],
        "previous_hash": row["previous_hash"],
    }
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def read_events(
    tx: Connection, partner: PartnerName, *, business_date: date | None = None
) -> Iterator[Event]:
    """The partner's events in order, optionally those of one business date."""
    query = select(event).where(event.c.partner == partner).order_by(event.c.seq)
    if business_date is not None:
        query = query.where(event.c.business_date == business_date)
    for row in tx.execute(query):
        yield as_event(row)


def as_event(row: Row[Any]) -> Event:
    """The event of a row of the table."""
    return Event(
        row.partner,
        row.seq,
        row.at,
        row.kind,
        row.business_date,
        row.external_id,
        json.loads(row.details),
        row.hash,
    )


def require_unbroken(tx: Connection, partner: PartnerName) -> int:
    """Number of events of the partner, every hash recomputed.

    :raises ChainBrokenError: naming the first event that was changed, removed or inserted
    """
    previous, seq = GENESIS, 0
    query = select(event).where(event.c.partner == partner).order_by(event.c.seq)
    rows = tx.execute(query, execution_options={"yield_per": 1000})
    for row in rows.mappings():
        seq += 1
        if (
            row["seq"] != seq
            or row["previous_hash"] != previous
            or row["hash"] != event_hash(dict(row))
        ):
            raise ChainBrokenError(
                f"event {row['seq']} of partner {partner} was changed, or one before it is gone: "
                "stop the partner, compare the ledger with its latest backup",
                partner=partner,
            )
        previous = row["hash"]
    head = tx.execute(select(chain_head).where(chain_head.c.partner == partner)).one_or_none()
    if (head.seq, head.hash) != (seq, previous) if head else seq != 0:
        raise ChainBrokenError(
            f"the last events of partner {partner} are gone: the chain's head knows more than "
            f"{seq} events; stop the partner, compare the ledger with its latest backup",
            partner=partner,
        )
    return seq


def _described(actor: Actor) -> dict[str, object]:
    fields = {
        "who": actor.who,
        "run_id": actor.run_id,
        "task_id": actor.task_id,
        "try_number": actor.try_number,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _canonical(content: Mapping[str, object]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
