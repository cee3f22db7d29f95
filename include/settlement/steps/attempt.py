"""One attempt to send: the checks before it, its row, and taking it back if no byte has left.

The checks of `steps.may_send` are made right before the send, in the transaction that writes the
row. What else must hold (the binding, the lower slots) `steps.submit` has looked at before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import UntrustedHostError
from settlement.ledger.attempts import (
    About,
    finish_attempt,
    other_attempt_may_have_left,
    start_attempt,
)
from settlement.ledger.bodies import StoredBody, load_current_body
from settlement.ledger.folding import apply_to
from settlement.ledger.people.approvals import missing_approval
from settlement.ledger.people.closings import why_closed
from settlement.ledger.people.holds import held_connections
from settlement.ledger.people.stop import stop_of
from settlement.ledger.slots import load_slots_concerning, require_slot
from settlement.ledger.snapshots import load_positions_of
from settlement.partner.exchange import ExchangeKind
from settlement.partner.words import one_line
from settlement.slot.evidence import NotSent, Sent
from settlement.slot.state import Slot
from settlement.steps.desk import Desk
from settlement.steps.may_send import SendFacts, require_may_send
from settlement.values import Actor


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

    :raises ConfigurationError: if the slot has no body any more
    :raises SettlementError: as `require_may_send` does
    """
    slot = require_slot(tx, external_id, lock=True)
    body = load_current_body(tx, external_id)
    require_may_send(_send_facts(tx, partner, slot, body))
    request = cast("bytes", body.request)  # what may be sent has one
    about = About(external_id, body.number, request)
    attempt_id = start_attempt(tx, partner.name, ExchangeKind.SUBMIT, actor, about)
    apply_to(tx, slot, Sent(body.number), actor, answer_digest=None)
    return BegunAttempt(attempt_id, body.number, request)


def _send_facts(tx: Connection, partner: PartnerFile, slot: Slot, body: StoredBody) -> SendFacts:
    """What decides, as of this transaction; what concerns first sends only for those."""
    net, others, unapproved = None, [], None
    if slot.never_sent:
        connections = {line.connection_id for line in body.lines}
        if body.snapshot_id is not None:
            net = load_positions_of(tx, body.snapshot_id, connections)
        concerned = load_slots_concerning(tx, body.partner, body.business_date, connections)
        others = [each for each in concerned if each.external_id != body.external_id]
        unapproved = missing_approval(tx, partner, body.business_date, [body.external_id])
    return SendFacts(
        partner=partner.name,
        slot=slot,
        has_payload=body.payload is not None,
        has_request=body.request is not None,
        stop=stop_of(tx, partner.name),
        closed=why_closed(tx, body.partner, body.business_date),
        held=held_connections(tx, partner.name),
        net=net,
        others=others,
        unapproved=unapproved,
    )


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
