"""Step 4: send the exact stored bytes of one slot, and say what the answer proves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, bindparam, select

from settlement.errors import (
    RejectedError,
    SettlementError,
    SettlementFailedError,
    UntrustedHostError,
)
from settlement.ledger.attempts import finish_attempt, newest_silence
from settlement.ledger.binding import require_binding
from settlement.ledger.database import NOW
from settlement.ledger.folding import apply_to
from settlement.ledger.partner_changes import record_partner_changes
from settlement.ledger.schema import slot as slot_table
from settlement.ledger.slots import load_lower_slots, require_slot
from settlement.partner.exchange import Answer, ExchangeKind, TransportError
from settlement.partner.paths import settlements_path
from settlement.slot.evidence import Answered, classify
from settlement.slot.state import Slot, State
from settlement.steps.attempt import begin_attempt, take_back_attempt
from settlement.steps.desk import Desk
from settlement.steps.funding import what_is_missing
from settlement.steps.look_up import conclude_by_look_up, look_up
from settlement.steps.may_send import (
    NOT_SHOWN,
    is_sent_for_another,
    is_to_be_sent,
    must_be_looked_up,
    require_may_be_asked_about,
)
from settlement.steps.outcome import nothing_shown, raise_unless_done
from settlement.steps.payload import digest_of
from settlement.values import as_lines

SHOWN_ALL_THE_SAME = (SettlementFailedError, RejectedError)
"""Errors of a request under which the partner shows a settlement: nothing waits for it."""
SILENCE = timedelta(minutes=1)

_PLACE_OF = select(slot_table.c.partner, slot_table.c.business_date, slot_table.c.n).where(
    slot_table.c.external_id == bindparam("external_id")
)
_FIRST_SENT = select(slot_table.c.first_sent_at, NOW.label("now")).where(
    slot_table.c.external_id == bindparam("external_id")
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A slot after its submit; `conflict`: the reconciliation task has to look at it."""

    external_id: str
    state: State
    conflict: bool = False


def submit_request(desk: Desk, external_id: str) -> Submitted:
    """Send a slot's stored bytes once, unless there is nothing to send (partner API, section 6).

    A body that was never sent goes out only when the partner has shown a settlement under every
    lower slot of its date. So whatever may still arrive late, also from before a loss of the
    ledger, was sent under one externalId, and the next request meets it there.

    :raises BindingConflictError, StoppedError, HeldConnectionError, ApprovalMissingError,
        SupersededError, UntrustedHostError: before anything of it is sent
    :raises OutcomeUnknownError, SettlementFailedError: to be retried with the same bytes
    :raises CredentialsError, RefusedError, RejectedError, DivergedSlotError: to be seen by a person
    """
    with desk.ledger.transaction() as tx:
        require_binding(tx, desk.partner, desk.api.base_url, desk.actor)
        slot = require_slot(tx, external_id)
        row = tx.execute(_FIRST_SENT, {"external_id": external_id}).one()
    if must_be_looked_up(desk.partner, slot, row.first_sent_at, row.now):
        slot = look_up(desk, external_id)
    if is_to_be_sent(desk.partner, slot):
        if slot.never_sent:
            _require_slots_before(desk, external_id)
        slot, evidence = _send(desk, slot)
        slot = conclude_by_look_up(desk, slot, evidence.verdict)
        raise_unless_done(desk, slot, evidence, _missing(desk, slot))
    else:
        raise_unless_done(desk, slot, None)
    return Submitted(external_id, slot.state, conflict=slot.in_conflict)


def _missing(desk: Desk, slot: Slot) -> str:
    if slot.state is not State.FAILED or slot.current is None:
        return ""
    return what_is_missing(desk.reader, desk.partner, as_lines(slot.current.positions))


def _require_slots_before(desk: Desk, external_id: str) -> None:
    """See that the partner shows something under every lower slot of the date.

    What is unknown is looked up and what was never sent is sent, so this holds in whatever order
    tasks are started. A no is not enough, even if look-ups find nothing: see `submit_request`.

    :raises SettlementError: the outcome of the first slot under which nothing is shown
    """
    with desk.ledger.transaction() as tx:
        before = _slots_before(tx, external_id, NOT_SHOWN)
    for lower in before:
        try:
            _require_shown(desk, lower)
        except SHOWN_ALL_THE_SAME:
            continue
        except SettlementError as error:
            raise error.told_of(external_id) from None


def _slots_before(tx: Connection, external_id: str, states: Collection[State]) -> list[Slot]:
    """The lower-numbered slots of the same date that are in one of the states, in order."""
    partner, business_date, n = tx.execute(_PLACE_OF, {"external_id": external_id}).one()
    return load_lower_slots(tx, partner, business_date, n, states)


def _require_shown(desk: Desk, slot: Slot) -> None:
    """Look a slot up, or send it if it never was.

    :raises SettlementError: its outcome, if the partner shows nothing under it
    """
    with desk.ledger.transaction() as tx:
        silence = newest_silence(tx, desk.partner.name, SILENCE)
    require_may_be_asked_about(slot, silence)
    if is_sent_for_another(slot):
        done = submit_request(desk, slot.external_id)
        if not done.conflict:
            return
    now = look_up(desk, slot.external_id)
    raise_unless_done(desk, now, None)
    if now.state in NOT_SHOWN:
        raise nothing_shown(now)


def _send(desk: Desk, slot: Slot) -> tuple[Slot, Answered]:
    """One exchange: the attempt row before, the evidence after, no transaction in between."""
    path = settlements_path(desk.partner)
    with desk.ledger.transaction() as tx:
        attempt = begin_attempt(tx, desk.partner, slot.external_id, desk.actor)
    outcome: Answer | TransportError
    try:
        outcome = desk.api.exchange("POST", path, content=attempt.request)
    except TransportError as error:
        outcome = error
    except UntrustedHostError as error:
        take_back_attempt(desk, slot.external_id, attempt, error)
        raise
    with desk.ledger.transaction() as tx:
        now = finish_attempt(tx, attempt.id, outcome)
        before = require_slot(tx, slot.external_id, lock=True)
        evidence = classify(
            outcome,
            external_id=slot.external_id,
            body_number=attempt.body_number,
            settlement_id=before.settlement_id,
            now=now,
        )
        after = apply_to(tx, before, evidence, desk.actor, answer_digest=digest_of(outcome))
    record_partner_changes(desk.ledger, desk.partner.name, ExchangeKind.SUBMIT, outcome, desk.actor)
    return after, evidence
