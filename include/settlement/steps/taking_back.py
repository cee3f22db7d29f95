"""An attempt that ended before its first byte could leave: the slot is as if it had not begun."""

from __future__ import annotations

from settlement.errors import UntrustedHostError
from settlement.ledger.attempts import finish_attempt, other_attempt_may_have_left
from settlement.ledger.folding import apply_to
from settlement.ledger.slots import require_slot
from settlement.partner.words import one_line
from settlement.slot.evidence import NotSent
from settlement.steps.attempt import BegunAttempt
from settlement.steps.desk import Desk


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
        evidence = NotSent(attempt.body, only_attempt, one_line(error.message))
        apply_to(tx, slot, evidence, desk.actor, answer_digest=None)
