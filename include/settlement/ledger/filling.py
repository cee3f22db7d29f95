"""Carrying out a plan: fill free slots, open new ones, withdraw what is outdated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from settlement.errors import OutcomeUnknownError
from settlement.ledger.bodies import StoredBody
from settlement.ledger.chain import append_event
from settlement.ledger.database import NOW
from settlement.ledger.schema import body, slot
from settlement.ledger.slots import NewBody, add_body, open_slot, require_slot
from settlement.ledger.snapshots import Snapshot
from settlement.request.external_id import unused_identities
from settlement.request.instruction import digest
from settlement.slot.difference import Plan
from settlement.slot.state import Slot, State
from settlement.values import Actor, Line, PartnerName, as_positions

_IDS_OF_DATE = select(slot.c.external_id).where(
    slot.c.partner == bindparam("partner"), slot.c.business_date == bindparam("business_date")
)
_PREPARE = (
    slot.update()
    .where(slot.c.external_id == bindparam("of_slot"))
    .values(state=State.PREPARED.value, reason=None, last_verdict=None, absences=0, updated_at=NOW)
)
_STORE_PAYLOAD = (
    body.update()
    .where(body.c.external_id == bindparam("of_slot"), body.c.number == bindparam("of_number"))
    .where(body.c.payload.is_(None))
)
_STORE_SIGNATURE = (
    body.update()
    .where(body.c.external_id == bindparam("of_slot"), body.c.number == bindparam("of_number"))
    .where(body.c.sent_at.is_(None) | body.c.request.is_(None))
    .returning(body.c.number)
)
_WITHOUT_PAYLOAD = (
    select(slot.c.external_id)
    .join(
        body,
        (body.c.external_id == slot.c.external_id) & (body.c.number == slot.c.current_body),
    )
    .where(
        slot.c.external_id == any_(bindparam("external_ids", type_=ARRAY(Text))),
        body.c.payload.is_(None),
    )
)


def carry_out(
    tx: Connection,
    plan: Plan,
    snapshot: Snapshot,
    actor: Actor,
    cutoff_at: datetime | None = None,
) -> list[str]:
    """Carry out a plan under the lock of its date; the ids of the filled slots, in order.

    :param snapshot: that the plan was made for
    :param cutoff_at: for the new bodies of a partner on version 2 of the API
    :raises OutcomeUnknownError: if a slot to fill was found at the partner meanwhile
    """
    partner, business_date = snapshot.partner, snapshot.business_date
    unused = unused_identities(partner, business_date, _taken(tx, partner, business_date))
    filled: list[str] = []
    for each in plan.fills:
        if each.external_id is None:
            held = open_slot(tx, next(unused))
        else:
            held = require_slot(tx, each.external_id, lock=True)
        _fill(tx, held, each.lines, _Source(snapshot, cutoff_at), actor)
        filled.append(held.external_id)
    for external_id in plan.withdrawn:
        _withdraw(tx, require_slot(tx, external_id, lock=True), partner, business_date, actor)
    return filled


def _taken(tx: Connection, partner: PartnerName, business_date: date) -> set[str]:
    named = {"partner": partner, "business_date": business_date}
    return set(tx.execute(_IDS_OF_DATE, named).scalars())


@dataclass(frozen=True, slots=True)
class _Source:
    """What a new body is made from."""

    snapshot: Snapshot
    cutoff_at: datetime | None


def _fill(
    tx: Connection, held: Slot, lines: tuple[Line, ...], source: _Source, actor: Actor
) -> None:
    snapshot = source.snapshot
    if not held.free:
        raise OutcomeUnknownError(
            f"{held.external_id} was found {held.state.value} at the partner while it was being "
            "filled: nothing is built, and the difference is computed again",
            external_id=held.external_id,
        )
    current = held.current
    unchanged = (
        held.state is State.PREPARED
        and current is not None
        and dict(current.positions) == as_positions(lines)
    )
    if unchanged:
        return
    number = max((each.number for each in held.bodies), default=0) + 1
    new = NewBody(
        number,
        snapshot.business_date,
        "built",
        snapshot_id=snapshot.id,
        window=snapshot.window,
        cutoff_at=source.cutoff_at,
    )
    add_body(tx, held.external_id, lines, new)
    tx.execute(_PREPARE, {"of_slot": held.external_id, "current_body": number})
    append_event(
        tx,
        snapshot.partner,
        "filled",
        actor,
        business_date=snapshot.business_date,
        external_id=held.external_id,
        before=held.state.value,
        state=State.PREPARED.value,
        body=number,
        body_digest=digest(lines),
        snapshot_id=snapshot.id,
    )


def _withdraw(
    tx: Connection, held: Slot, partner: PartnerName, business_date: date, actor: Actor
) -> None:
    """Empty a free slot that has nothing to carry any more; a refused one stays as it is."""
    if held.state not in {State.PREPARED, State.UNKNOWN}:
        return
    tx.execute(
        slot.update()
        .where(slot.c.external_id == held.external_id)
        .values(
            state=State.WITHDRAWN.value,
            current_body=None,
            reason="outdated before it was sent",
            updated_at=NOW,
        )
    )
    append_event(
        tx,
        partner,
        "withdrawn",
        actor,
        business_date=business_date,
        external_id=held.external_id,
        before=held.state.value,
        state=State.WITHDRAWN.value,
    )


def store_payload(tx: Connection, external_id: str, number: int, payload: str) -> None:
    """Keep the checked signing payload of a body; the first one stays."""
    named = {"of_slot": external_id, "of_number": number}
    tx.execute(_STORE_PAYLOAD, {**named, "payload": payload})


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of a body, the key it is by, and the exact request bytes that hold it."""

    text: str
    key_id: str
    request: bytes


def store_signature(tx: Connection, of: StoredBody, signature: Signature, actor: Actor) -> None:
    """Keep signature, key id and exact request bytes of a body; bytes that were sent stay."""
    named = {"of_slot": of.external_id, "of_number": of.number}
    values = {"signature": signature.text, "key_id": signature.key_id, "request": signature.request}
    if tx.execute(_STORE_SIGNATURE, named | values).one_or_none() is None:
        return
    append_event(
        tx,
        of.partner,
        "signed",
        actor,
        business_date=of.business_date,
        external_id=of.external_id,
        body=of.number,
        key_id=signature.key_id,
        request_digest=hashlib.sha256(signature.request).hexdigest(),
    )


def bodies_without_payload(tx: Connection, external_ids: Sequence[str]) -> list[str]:
    """Those of the slots whose current body has no signing payload yet, in the order given."""
    named = {"external_ids": list(external_ids)}
    missing = set(tx.execute(_WITHOUT_PAYLOAD, named).scalars())
    return [each for each in external_ids if each in missing]
