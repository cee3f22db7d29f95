"""Step 4: send the exact stored bytes of one slot, and say what the answer proves."""

from __future__ import annotations

from dataclasses import dataclass

from settlement.errors import (
    OutcomeUnknownError,
    RefusedError,
    SettlementError,
    UntrustedHostError,
)
from settlement.evidence import Answered, classify
from settlement.ledger.attempts import finish_attempt
from settlement.ledger.database import Ledger
from settlement.ledger.folding import apply_to
from settlement.ledger.partner_changes import record_partner_changes
from settlement.ledger.people import require_binding
from settlement.ledger.slots import require_slot
from settlement.partner_api import Answer, PartnerApi, TransportError
from settlement.partner_file import PartnerFile
from settlement.partner_reads import PartnerReader, settlements_path
from settlement.reconciliation import conclude_by_look_up, look_up
from settlement.slot_state import FREE, Slot, State
from settlement.steps.funding import what_is_missing
from settlement.steps.outcome import raise_unless_done
from settlement.steps.payload import digest_of
from settlement.steps.sending import SENDABLE, begin_attempt, older_than_age_lock, slots_before
from settlement.steps.taking_back import take_back_attempt
from settlement.values import Actor, as_lines

NOT_SHOWN = FREE | {State.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Submitted:
    """A slot after its submit; `conflict`: the reconciliation task has to look at it."""

    external_id: str
    state: State
    conflict: bool = False


def submit_request(
    ledger: Ledger, api: PartnerApi, partner: PartnerFile, external_id: str, actor: Actor
) -> Submitted:
    """Send a slot's stored bytes once, unless there is nothing to send (partner API, section 6).

    A body that was never sent goes out only when the partner has shown a settlement under every
    lower slot of its date. So whatever may still arrive late, also from before a loss of the
    ledger, was sent under one externalId, and the next request meets it there.

    :raises StoppedError, HeldConnectionError, SupersededError: before anything is sent
    :raises OutcomeUnknownError, SettlementFailedError: to be retried with the same bytes
    :raises CredentialsError, RefusedError, RejectedError, DivergedSlotError: to be seen by a person
    """
    with ledger.transaction() as tx:
        require_binding(tx, partner, api.base_url, actor)
        slot = require_slot(tx, external_id)
        look_first = older_than_age_lock(tx, partner, external_id)
    reader = PartnerReader(ledger, api, partner, actor)
    if look_first:
        slot = look_up(ledger, reader, external_id, actor)
    if _may_be_sent(partner, slot):
        if slot.never_sent:
            _require_slots_before(ledger, api, partner, external_id, actor)
        slot, evidence = _send(ledger, api, partner, slot, actor)
        slot = conclude_by_look_up(ledger, reader, slot, evidence.verdict, actor)
        raise_unless_done(slot, evidence, _missing(reader, partner, slot))
    else:
        raise_unless_done(slot, None)
    return Submitted(external_id, slot.state, conflict=slot.in_conflict)


def _may_be_sent(partner: PartnerFile, slot: Slot) -> bool:
    """A 409 is reconciled before anything is sent again; if that finds nothing, it may be.

    On version 2 a pending settlement waits for its windows: there is nothing to send.
    """
    reconciled = not slot.in_conflict or slot.absences > 0
    staged = slot.state is State.PENDING and partner.api_version == "v2"
    return slot.state in SENDABLE and reconciled and not staged


def _missing(reader: PartnerReader, partner: PartnerFile, slot: Slot) -> str:
    if slot.state is not State.FAILED or slot.current is None:
        return ""
    return what_is_missing(reader, partner, as_lines(slot.current.positions))


def _require_slots_before(
    ledger: Ledger, api: PartnerApi, partner: PartnerFile, external_id: str, actor: Actor
) -> None:
    """See that the partner shows something under every lower slot of the date.

    What is open is looked up and what was never sent is sent, so this holds in whatever order tasks
    are started. A no is not enough, even if look-ups find nothing: see `submit_request`.

    :raises OutcomeUnknownError: naming the slot whose outcome is not known yet
    :raises RefusedError: naming the slot that a person has to correct first
    """
    with ledger.transaction() as tx:
        before = slots_before(tx, external_id, NOT_SHOWN)
    for lower in before:
        now, why = _looked_up_or_sent(ledger, api, partner, lower, actor)
        if now.state in NOT_SHOWN:
            error = RefusedError if now.state is State.REFUSED else OutcomeUnknownError
            raise error(
                f"{external_id} waits: {now.external_id} is {now.state.value}{why}, and a request "
                "is first sent only once the partner shows one under every lower id of its date"
            )


def _looked_up_or_sent(
    ledger: Ledger, api: PartnerApi, partner: PartnerFile, slot: Slot, actor: Actor
) -> tuple[Slot, str]:
    """A slot after looking it up, or sending it if it never was; and what went wrong."""
    if slot.state is State.UNKNOWN and not slot.never_sent:
        reader = PartnerReader(ledger, api, partner, actor)
        return look_up(ledger, reader, slot.external_id, actor), ""
    why = ""
    try:
        submit_request(ledger, api, partner, slot.external_id, actor)
    except UntrustedHostError:
        raise  # it is not about the lower request: there is nobody to send anything to
    except SettlementError as error:
        why = f" ({error.message})"
    with ledger.transaction() as tx:
        return require_slot(tx, slot.external_id), why


def _send(
    ledger: Ledger, api: PartnerApi, partner: PartnerFile, slot: Slot, actor: Actor
) -> tuple[Slot, Answered]:
    """One exchange: the attempt row before, the evidence after, no transaction in between."""
    with ledger.transaction() as tx:
        attempt = begin_attempt(tx, partner, slot.external_id, actor)
    outcome: Answer | TransportError
    try:
        outcome = api.exchange("POST", settlements_path(partner), body=attempt.request)
    except TransportError as error:
        outcome = error
    except UntrustedHostError as error:
        take_back_attempt(ledger, slot.external_id, attempt, error, actor)
        raise
    with ledger.transaction() as tx:
        now = finish_attempt(tx, attempt.id, outcome)
        before = require_slot(tx, slot.external_id, lock=True)
        evidence = classify(
            outcome,
            external_id=slot.external_id,
            body=attempt.body,
            settlement_id=before.settlement_id,
            now=now,
        )
        after = apply_to(tx, before, evidence, actor, answer_digest=digest_of(outcome))
    record_partner_changes(ledger, partner.name, "submit", outcome, actor)
    return after, evidence
