"""The checks right before every send, all in the transaction that writes the attempt row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from settlement.config.partner_file import PartnerFile
from settlement.errors import HeldConnectionError, SupersededError
from settlement.ledger.attempts import About, start_attempt
from settlement.ledger.bodies import StoredBody, load_current_body
from settlement.ledger.database import NOW
from settlement.ledger.folding import apply_to
from settlement.ledger.people.approvals import require_approved
from settlement.ledger.people.holds import held_connections
from settlement.ledger.people.stop import require_go
from settlement.ledger.schema import slot as slot_table
from settlement.ledger.slots import load_lower_slots, load_slots_concerning, require_slot
from settlement.ledger.snapshots import load_positions_of
from settlement.partner.exchange import ExchangeKind
from settlement.slot.difference import in_effect, runs_against_open
from settlement.slot.evidence import Sent
from settlement.slot.state import OPEN, Slot, State
from settlement.steps.build import require_none_diverged
from settlement.values import Actor

SENDABLE = frozenset({State.PREPARED, State.UNKNOWN, State.PENDING, State.FAILED})
"""A pending settlement too: the partner may have stopped half-way, and the same bytes go on."""

_PLACE_OF = select(slot_table.c.partner, slot_table.c.business_date, slot_table.c.n).where(
    slot_table.c.external_id == bindparam("external_id")
)
_FIRST_SENT = select(slot_table.c.state, slot_table.c.first_sent_at, NOW.label("now")).where(
    slot_table.c.external_id == bindparam("external_id")
)


@dataclass(frozen=True, slots=True)
class BegunAttempt:
    """An attempt whose row is written: these bytes may now be sent, once."""

    id: int
    body: int
    request: bytes


def begin_attempt(
    tx: Connection, partner: PartnerFile, external_id: str, actor: Actor
) -> BegunAttempt:
    """Check that the slot's bytes may be sent now, and write that they are.

    :raises StoppedError: if the stop flag is up
    :raises HeldConnectionError: if a connection of the body is on hold
    :raises SupersededError: if the body is not signed, or the plan it was built for no longer holds
    :raises DivergedSlotError: before a first send, if another slot of the date is diverged
    :raises ApprovalMissingError: before a first send, if a person must approve it and has not
    """
    slot = require_slot(tx, external_id, lock=True)
    require_go(tx, partner.name)
    body = load_current_body(tx, external_id)
    if slot.state not in SENDABLE or body.request is None:
        raise SupersededError(
            f"{external_id} is {slot.state.value} and {_readiness(body)}. Nothing is sent. "
            "Next step: clear build_requests with its downstream tasks"
        )
    _require_no_hold(tx, partner, body)
    if slot.never_sent:
        _require_plan_holds(tx, body)
        require_approved(tx, partner, body.business_date, [external_id])
    about = About(external_id, body.number, body.request)
    attempt_id = start_attempt(tx, partner.name, ExchangeKind.SUBMIT, actor, about)
    apply_to(tx, slot, Sent(body.number), actor, answer_digest=None)
    return BegunAttempt(attempt_id, body.number, body.request)


def _require_no_hold(tx: Connection, partner: PartnerFile, body: StoredBody) -> None:
    held = held_connections(tx, partner.name) & {line.connection_id for line in body.lines}
    if held:
        raise HeldConnectionError(
            f"{body.external_id} contains {', '.join(sorted(held))}, on hold: it is not sent. "
            "Clear compute_net_positions to build it without them, or end the hold with "
            "`settlement hold <connection> --end`"
        )


def _readiness(body: StoredBody) -> str:
    if body.payload is None:
        return "has no signing payload: the partner has not given one yet"
    if body.request is None:
        return "its newest body is not signed: another run has rebuilt it"
    return "its newest body is signed: another run has sent it"


def _require_plan_holds(tx: Connection, body: StoredBody) -> None:
    """Refuse a first send that would make more booked than the body's snapshot owes.

    What other slots of the date hold may have turned out differently since the build.

    :raises DivergedSlotError: if nobody knows what is booked under another slot
    :raises SupersededError: naming the first amount that would be taken too far
    """
    if body.snapshot_id is None:
        return
    connections = {line.connection_id for line in body.lines}
    net = load_positions_of(tx, body.snapshot_id, connections)
    others = [
        each
        for each in load_slots_concerning(tx, body.partner, body.business_date, connections)
        if each.external_id != body.external_id
    ]
    require_none_diverged(others)
    taken = in_effect(others)
    for line in body.lines:
        rest = net.get(line.key, 0) - taken.get(line.key, 0)
        fits = min(0, rest) <= line.amount <= max(0, rest)
        if not fits or runs_against_open(line.key, line.amount, others):
            raise SupersededError(
                f"{body.external_id} was built to give {line.connection_id} {line.amount} "
                f"{line.currency}, but only {rest} is left since another request turned out "
                "differently: clear compute_net_positions with its downstream tasks"
            )


def slots_before(tx: Connection, external_id: str, states: Collection[State]) -> list[Slot]:
    """The lower-numbered slots of the same date that are in one of the states, in order."""
    partner, business_date, n = tx.execute(_PLACE_OF, {"external_id": external_id}).one()
    return load_lower_slots(tx, partner, business_date, n, states)


def older_than_age_lock(tx: Connection, partner: PartnerFile, external_id: str) -> bool:
    """Whether an open slot is so old that it must be looked up before anything is sent again."""
    row = tx.execute(_FIRST_SENT, {"external_id": external_id}).one()
    if State(row.state) not in OPEN or row.first_sent_at is None:
        return False
    return bool(row.now - row.first_sent_at >= partner.look_up_first_after)
