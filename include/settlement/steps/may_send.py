"""Whether a request may be sent now: asked right before each send, and to say it beforehand.

Only what the ledger holds decides. `steps.attempt` asks in the transaction that writes the
attempt's row, `steps.forecast` for a person who wants to know before anything is cleared.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from settlement.config.partner_file import PartnerFile
from settlement.errors import (
    ApprovalMissingError,
    DateClosedError,
    HeldConnectionError,
    OutcomeUnknownError,
    SupersededError,
)
from settlement.ledger.attempts import Silence
from settlement.ledger.people.stop import Stop, stopped
from settlement.slot.difference import in_effect, runs_against_open
from settlement.slot.state import FREE, OPEN, Slot, State
from settlement.steps.build import require_none_diverged
from settlement.values import Line, PartnerName, Positions, as_lines

SENDABLE = frozenset({State.PREPARED, State.UNKNOWN, State.PENDING, State.FAILED})
"""A pending settlement too: the partner may have stopped half-way, and the same bytes go on."""

NOT_SHOWN = FREE | {State.UNKNOWN}
"""The partner has shown nothing under such a slot."""


@dataclass(frozen=True, slots=True)
class SendFacts:
    """What decides whether the current body of a slot may be sent.

    `closed`: the error, if a person has closed the date. `net`: net positions of the snapshot that
    it was built from; None if it was built from none, or was sent before. `others`: the date's
    other slots, at least those that concern its connections. `unapproved`: the error, if a person
    must approve a first send and has not.
    """

    partner: PartnerName
    slot: Slot
    has_payload: bool
    has_request: bool
    stop: Stop | None
    closed: DateClosedError | None
    held: AbstractSet[str]
    net: Positions | None
    others: Sequence[Slot]
    unapproved: ApprovalMissingError | None


def require_may_send(facts: SendFacts) -> None:
    """Refuse a send for which anything that must hold does not.

    :raises StoppedError: if the stop flag is up
    :raises DateClosedError: if a person has closed the date
    :raises SupersededError: if the slot is not to be sent any more, its body is not signed, or the
        plan that it was built for no longer holds
    :raises HeldConnectionError: if a connection of the body is on hold
    :raises DivergedSlotError: before a first send, if another slot of the date is diverged
    :raises ApprovalMissingError: before a first send, if a person must approve it and has not
    """
    slot = facts.slot
    if facts.stop is not None:
        raise stopped(facts.partner, facts.stop)
    if facts.closed is not None:
        raise facts.closed
    if slot.state not in SENDABLE or not facts.has_request:
        raise SupersededError(
            f"{slot.external_id} is {slot.state.value} and {_readiness(facts)}. Nothing is sent.",
            to_do="clear build_requests with its downstream tasks",
            external_id=slot.external_id,
        )
    lines = as_lines(slot.current.positions) if slot.current is not None else ()
    held = facts.held & {line.connection_id for line in lines}
    if held:
        raise HeldConnectionError(slot.external_id, held=held)
    if slot.never_sent:
        _require_plan_holds(facts, lines)
        if facts.unapproved is not None:
            raise facts.unapproved


def must_be_looked_up(
    partner: PartnerFile, slot: Slot, first_sent_at: datetime | None, now: datetime
) -> bool:
    """Whether an open slot is so old that it must be looked up before anything is sent again."""
    if slot.state not in OPEN or first_sent_at is None:
        return False
    return now - first_sent_at >= partner.look_up_first_after


def is_to_be_sent(partner: PartnerFile, slot: Slot) -> bool:
    """A 409 is reconciled before anything is sent again; if that finds nothing, it may be.

    On version 2 a pending settlement waits for its dispute window: there is nothing to send.
    """
    reconciled = not slot.in_conflict or slot.absences > 0
    staged = slot.state is State.PENDING and partner.api_version.staged_by_dispute_window
    return slot.state in SENDABLE and reconciled and not staged


def require_may_be_asked_about(slot: Slot, silence: Silence | None) -> None:
    """Whether the partner is asked what it holds under a lower slot, or gets it sent.

    One that has just let a request time out is not asked by every request that waits.

    :raises OutcomeUnknownError, SupersededError: without an exchange
    """
    if silence is not None:
        raise OutcomeUnknownError(
            f"{slot.external_id} is {slot.state.value}, and the partner gave no answer at "
            f"{silence.at:%H:%M:%S} UTC ({silence.error}): the next try asks it again",
            external_id=slot.external_id,
        )
    if slot.state is State.WITHDRAWN:
        raise SupersededError(
            f"{slot.external_id} was withdrawn: another run has rebuilt the date. Clear "
            "build_requests with its downstream tasks",
            external_id=slot.external_id,
        )


def is_sent_for_another(slot: Slot) -> bool:
    """Whether a lower slot is sent, rather than looked up, before another one goes out."""
    return slot.state is not State.UNKNOWN or slot.free


def _readiness(facts: SendFacts) -> str:
    if not facts.has_payload:
        return "has no signing payload: the partner has not given one yet"
    if not facts.has_request:
        return "its newest body is not signed: another run has rebuilt it"
    return "its newest body is signed: another run has sent it"


def _require_plan_holds(facts: SendFacts, lines: Sequence[Line]) -> None:
    """Refuse a first send that would make more booked than the body's snapshot owes.

    What other slots of the date hold may have turned out differently since the build.

    :raises DivergedSlotError: if nobody knows what is booked under another slot
    :raises SupersededError: naming the first amount that would be taken too far
    """
    if facts.net is None:
        return
    require_none_diverged(facts.others)
    taken = in_effect(facts.others)
    for line in lines:
        rest = facts.net.get(line.key, 0) - taken.get(line.key, 0)
        fits = min(0, rest) <= line.amount <= max(0, rest)
        if not fits or runs_against_open(line.key, line.amount, facts.others):
            raise SupersededError(
                f"{facts.slot.external_id} was built to give {line.connection_id} {line.amount} "
                f"{line.currency} (base units), but only {rest} is left to settle, since another "
                "request ended otherwise than expected. Nothing is sent: clear "
                "compute_net_positions with its downstream tasks",
                external_id=facts.slot.external_id,
                connection_ids=[line.connection_id],
                currency=line.currency,
            )
