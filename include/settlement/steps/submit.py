"""Step 4: send the exact stored bytes of one slot, and say what the answer proves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from settlement.config.partner_file import PartnerFile
from settlement.errors import (
    OutcomeUnknownError,
    RejectedError,
    SettlementError,
    SettlementFailedError,
    SupersededError,
    UntrustedHostError,
)
from settlement.ledger.attempts import finish_attempt, newest_silence
from settlement.ledger.binding import require_binding
from settlement.ledger.database import Ledger
from settlement.ledger.folding import apply_to
from settlement.ledger.partner_changes import record_partner_changes
from settlement.ledger.reading import recorded_reader
from settlement.ledger.slots import require_slot
from settlement.partner.exchange import Answer, ExchangeKind, PartnerApi, TransportError
from settlement.partner.paths import settlements_path
from settlement.partner.reads import PartnerReader
from settlement.slot.evidence import Answered, classify
from settlement.slot.state import FREE, Slot, State
from settlement.steps.funding import what_is_missing
from settlement.steps.look_up import conclude_by_look_up, look_up
from settlement.steps.outcome import raise_unless_done
from settlement.steps.payload import digest_of
from settlement.steps.sending import SENDABLE, begin_attempt, older_than_age_lock, slots_before
from settlement.steps.taking_back import take_back_attempt
from settlement.values import Actor, as_lines

NOT_SHOWN = FREE | {State.UNKNOWN}
SHOWN_ALL_THE_SAME = (SettlementFailedError, RejectedError)
"""Errors of a request under which the partner shows a settlement: nothing waits for it."""
SILENCE = timedelta(minutes=1)


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
    reader = recorded_reader(ledger, api, partner, actor)
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

    :raises SettlementError: the outcome of the first slot under which nothing is shown
    """
    with ledger.transaction() as tx:
        before = slots_before(tx, external_id, NOT_SHOWN)
    for lower in before:
        try:
            _require_shown(ledger, api, partner, lower, actor)
        except SHOWN_ALL_THE_SAME:
            continue
        except SettlementError as error:
            raise error.told_of(external_id) from None


def _require_shown(
    ledger: Ledger, api: PartnerApi, partner: PartnerFile, slot: Slot, actor: Actor
) -> None:
    """Look a slot up, or send it if it never was.

    :raises SettlementError: its outcome, if the partner shows nothing under it
    """
    _require_not_silent(ledger, partner, slot)
    if slot.state is State.WITHDRAWN:
        raise SupersededError(
            f"{slot.external_id} was withdrawn: another run has rebuilt the date. Clear "
            "build_requests with its downstream tasks"
        )
    if slot.state is not State.UNKNOWN or slot.free:
        done = submit_request(ledger, api, partner, slot.external_id, actor)
        if not done.conflict:
            return
    reader = recorded_reader(ledger, api, partner, actor)
    now = look_up(ledger, reader, slot.external_id, actor)
    raise_unless_done(now, None)
    if now.state in NOT_SHOWN:
        raise OutcomeUnknownError(
            f"{now.external_id}: the partner answered 409, but shows no settlement under it; it is "
            "looked up again"
        )


def _require_not_silent(ledger: Ledger, partner: PartnerFile, slot: Slot) -> None:
    """A partner that has just let a request time out is not asked by every request that waits.

    :raises OutcomeUnknownError: without an exchange
    """
    with ledger.transaction() as tx:
        silence = newest_silence(tx, partner.name, SILENCE)
    if silence is not None:
        raise OutcomeUnknownError(
            f"{slot.external_id} is {slot.state.value}, and the partner gave no answer at "
            f"{silence.at:%H:%M:%S} UTC ({silence.error}): nothing is asked until the next try"
        )


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
    record_partner_changes(ledger, partner.name, ExchangeKind.SUBMIT, outcome, actor)
    return after, evidence
