"""One attempt to send: the checks before it, its row, and taking it back if no byte has left.

They are made right before the send, in the transaction that writes the row. What else must hold
(the binding, the lower slots) `steps.submit` has looked at before.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import HeldConnectionError, SupersededError, UntrustedHostError
from settlement.ledger.attempts import (
    About,
    finish_attempt,
    other_attempt_may_have_left,
    start_attempt,
)
from settlement.ledger.bodies import StoredBody, load_current_body
from settlement.ledger.folding import apply_to
from settlement.ledger.people.approvals import require_approved
from settlement.ledger.people.holds import held_connections
from settlement.ledger.people.stop import require_go
from settlement.ledger.slots import load_slots_concerning, require_slot
from settlement.ledger.snapshots import load_positions_of
from settlement.partner.exchange import ExchangeKind
from settlement.partner.words import one_line
from settlement.slot.difference import in_effect, runs_against_open
from settlement.slot.evidence import NotSent, Sent
from settlement.slot.state import State
from settlement.steps.build import require_none_diverged
from settlement.steps.desk import Desk
from settlement.values import Actor

SENDABLE = frozenset({State.PREPARED, State.UNKNOWN, State.PENDING, State.FAILED})
"""A pending settlement too: the partner may have stopped half-way, and the same bytes go on."""


@dataclass(frozen=True, slots=True)
class BegunAttempt:
    """An attempt whose row is written: these bytes may now be sent, once."""

    id: int
    body_number: int
    request: bytes


def begin_attempt(
    tx: Connection, partner: PartnerFile, external_id: str, actor: Actor
) -> BegunAttempt:
    """Check that the slot's bytes may be sent now, and write that they are.

    :raises StoppedError: if the stop flag is up
    :raises HeldConnectionError: if a connection of the body is on hold
    :raises SupersededError: if the slot is not to be sent any more, its body is not signed, or the
        plan that it was built for no longer holds
    :raises ConfigurationError: if the slot has no body any more
    :raises DivergedSlotError: before a first send, if another slot of the date is diverged
    :raises ApprovalMissingError: before a first send, if a person must approve it and has not
    """
    slot = require_slot(tx, external_id, lock=True)
    require_go(tx, partner.name)
    body = load_current_body(tx, external_id)
    if slot.state not in SENDABLE or body.request is None:
        raise SupersededError(
            f"{external_id} is {slot.state.value} and {_readiness(body)}. Nothing is sent.",
            to_do="clear build_requests with its downstream tasks",
            external_id=external_id,
        )
    _require_no_hold(tx, partner, body)
    if slot.never_sent:
        _require_plan_holds(tx, body)
        require_approved(tx, partner, body.business_date, [external_id])
    about = About(external_id, body.number, body.request)
    attempt_id = start_attempt(tx, partner.name, ExchangeKind.SUBMIT, actor, about)
    apply_to(tx, slot, Sent(body.number), actor, answer_digest=None)
    return BegunAttempt(attempt_id, body.number, body.request)


def take_back_attempt(
    desk: Desk, external_id: str, attempt: BegunAttempt, error: UntrustedHostError
) -> None:
    """Complete the attempt's row, and let a slot that was prepared before be prepared again.

    A request is written only after the TLS handshake, and the handshake failed: not one byte of
    it has left. Where another attempt to send the same body may have, the slot stays unknown; all
    of this is decided under the lock of the slot, in which every attempt begins.
    """
    with desk.ledger.transaction() as tx:
        slot = require_slot(tx, external_id, lock=True)
        finish_attempt(tx, attempt.id, error)
        only_attempt = not other_attempt_may_have_left(tx, attempt.id)
        evidence = NotSent(attempt.body_number, only_attempt, one_line(error.message))
        apply_to(tx, slot, evidence, desk.actor, answer_digest=None)


def _require_no_hold(tx: Connection, partner: PartnerFile, body: StoredBody) -> None:
    held = held_connections(tx, partner.name) & {line.connection_id for line in body.lines}
    if held:
        raise HeldConnectionError(body.external_id, held=held)


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
                f"{line.currency} (base units), but only {rest} is left to settle, since another "
                "request ended otherwise than expected. Nothing is sent: clear "
                "compute_net_positions with its downstream tasks",
                external_id=body.external_id,
                connection_ids=[line.connection_id],
                currency=line.currency,
            )
