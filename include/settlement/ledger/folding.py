"""How evidence, or a person's decision, changes the state of a slot.

Two other things write a state: `filling` prepares and withdraws slots for a build, and a slot that
is opened begins as withdrawn (`slots.open_slot`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from settlement.errors import ConfigurationError
from settlement.ledger.chain import append_event
from settlement.ledger.database import NOW
from settlement.ledger.people.divergence import Divergence, ask_about
from settlement.ledger.schema import body, slot
from settlement.ledger.slots import NewBody, add_body, require_slot
from settlement.ledger.transfers import digest_of_transfers, load_transfers, store_transfers
from settlement.request.instruction import digest
from settlement.slot.evidence import Absent, Answered, Evidence, NotSent, Sent, Shown
from settlement.slot.state import Slot, State, fold
from settlement.values import Actor, as_lines

_SAVE = (
    slot.update()
    .where(slot.c.external_id == bindparam("of_slot"))
    .values(updated_at=NOW)
    .returning(slot.c.partner, slot.c.business_date)
)
_SAVE_SENT = _SAVE.values(first_sent_at=func.coalesce(slot.c.first_sent_at, NOW))
_MARK_SENT = (
    body.update()
    .where(body.c.external_id == bindparam("of_slot"), body.c.number == bindparam("of_number"))
    .where(body.c.sent_at.is_(None))
    .values(sent_at=NOW)
)
_UNMARK_SENT = (
    body.update()
    .where(body.c.external_id == bindparam("of_slot"), body.c.number == bindparam("of_number"))
    .values(sent_at=None)
)
_FIRST_OF_THE_OTHERS = select(func.min(body.c.sent_at)).where(
    body.c.external_id == bindparam("of_slot")
)
_SENT_FIRST_THEN = (
    slot.update()
    .where(slot.c.external_id == bindparam("of_slot"))
    .values(first_sent_at=_FIRST_OF_THE_OTHERS.scalar_subquery())
)


def apply_evidence(
    tx: Connection, external_id: str, evidence: Evidence, actor: Actor, *, answer_digest: str | None
) -> Slot:
    """Fold one piece of evidence into a slot and write its event: the one way for evidence.

    A slot that becomes diverged is asked about at once: a person decides what is booked.

    :param answer_digest: sha256 of an answer's bytes; for a look-up, over what it showed
    """
    before = require_slot(tx, external_id, lock=True)
    return apply_to(tx, before, evidence, actor, answer_digest=answer_digest)


def apply_to(
    tx: Connection, before: Slot, evidence: Evidence, actor: Actor, *, answer_digest: str | None
) -> Slot:
    """The same for a slot that this transaction has loaded and locked already."""
    external_id = before.external_id
    after = fold(before, evidence)
    row = _save(tx, after, sent=isinstance(evidence, Sent))
    known = {held.number for held in before.bodies}
    for adopted in (held for held in after.bodies if held.number not in known):
        new = NewBody(
            adopted.number,
            row.business_date,
            "adopted",
            window=adopted.window,
            cutoff_at=adopted.cutoff_at,
        )
        add_body(tx, external_id, as_lines(adopted.positions), new)
    if isinstance(evidence, Sent):
        _mark_sent(tx, external_id, evidence.body_number)
    if isinstance(evidence, NotSent) and evidence.only_attempt:
        tx.execute(_UNMARK_SENT, {"of_slot": external_id, "of_number": evidence.body_number})
        tx.execute(_SENT_FIRST_THEN, {"of_slot": external_id})
    booked = _transfers_digest(tx, after, evidence) if isinstance(evidence, Shown) else {}
    append_event(
        tx,
        row.partner,
        _event_kind(evidence),
        actor,
        business_date=row.business_date,
        external_id=external_id,
        before=before.state.value,
        state=after.state.value,
        body=after.current_body,
        body_digest=_current_digest(after),
        settlement_id=after.settlement_id,
        answer_digest=answer_digest,
        why=_why(evidence),
        **booked,
    )
    if _has_diverged(before, after) and isinstance(evidence, Shown | Answered):
        divergence = Divergence.by(after, evidence)
        ask_about(tx, divergence, row.partner, row.business_date, actor)
    return after


def _transfers_digest(tx: Connection, after: Slot, shown: Shown) -> dict[str, str]:
    """Keep the transfers that the partner shows, and return what the event then says of them.

    Once the settlement's end is known, a look-up from before it says nothing new.
    """
    overtaken = after.state is State.COMPLETED and shown.status != State.COMPLETED
    if not shown.transfers or overtaken:
        return {}
    store_transfers(tx, after.external_id, shown.transfers)
    held = load_transfers(tx, after.external_id)
    return {"transfers_digest": digest_of_transfers(held)}


def _has_diverged(before: Slot, after: Slot) -> bool:
    return after.state is State.DIVERGED and before.state is not State.DIVERGED


def _mark_sent(tx: Connection, external_id: str, number: int) -> None:
    tx.execute(_MARK_SENT, {"of_slot": external_id, "of_number": number})


def _save(tx: Connection, after: Slot, *, sent: bool = False) -> Row[Any]:
    """Write a slot as it is now; its row. `sent`: its bytes are about to be sent."""
    values = {
        "of_slot": after.external_id,
        "state": after.state.value,
        "current_body": after.current_body,
        "settlement_id": after.settlement_id,
        "reason": after.reason,
        "last_verdict": after.last_verdict.value if after.last_verdict else None,
        "absences": after.absences,
    }
    return tx.execute(_SAVE_SENT if sent else _SAVE, values).one()


def _current_digest(after: Slot) -> str | None:
    return digest(as_lines(after.current.positions)) if after.current else None


def _event_kind(evidence: Evidence) -> str:
    match evidence:
        case Sent():
            return "sent"
        case NotSent():
            return "not sent"
        case Answered():
            return f"answered: {evidence.verdict.value}"
        case Shown():
            return f"shown: {evidence.status}"
        case Absent():
            return "absent"


def _why(evidence: Evidence) -> str | None:
    match evidence:
        case Answered() | NotSent():
            return evidence.detail
        case Shown():
            return evidence.reason
        case _:
            return None


def take_as_booked(  # noqa: PLR0913, PLR0917 - what, for which date, why and by whom
    tx: Connection,
    external_id: str,
    shown: Shown,
    business_date: date,
    reason: str,
    actor: Actor,
) -> Slot:
    """A person's decision: what the partner shows under the slot is what is booked there.

    :raises ConfigurationError: if the slot belongs to another date
    """
    before = require_slot(tx, external_id, lock=True)
    row = tx.execute(select(slot).where(slot.c.external_id == external_id)).one()
    if row.business_date != business_date:
        raise ConfigurationError(
            f"{external_id} belongs to business date {row.business_date}, not {business_date}",
            business_date=business_date,
            external_id=external_id,
        )
    number = max((held.number for held in before.bodies), default=0) + 1
    new = NewBody(number, business_date, "adopted", cutoff_at=shown.cutoff_at)
    add_body(tx, external_id, as_lines(shown.positions), new)
    after = Slot(
        external_id,
        State(shown.status),
        current_body=number,
        settlement_id=shown.settlement_id,
        reason=reason,
    )
    _save(tx, after)
    booked = _transfers_digest(tx, after, shown)
    append_event(
        tx,
        row.partner,
        "recorded",
        actor,
        business_date=business_date,
        external_id=external_id,
        before=before.state.value,
        state=after.state.value,
        body=number,
        body_digest=digest(as_lines(shown.positions)),
        settlement_id=shown.settlement_id,
        why=reason,
        **booked,
    )
    return require_slot(tx, external_id)
