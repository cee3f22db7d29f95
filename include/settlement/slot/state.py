"""What evidence does to the state of a slot: a fold, in one pure function.

Evidence of completion wins from any state but `diverged`, which only a person ends, and a no never
overrides it. Late answers are evidence like any other. Only look-ups that work and find nothing can
turn a no into `refused`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from settlement.request.notes import proof_in_notes
from settlement.slot.evidence import Absent, Answered, Evidence, NotSent, Sent, Shown, Verdict
from settlement.values import Positions, Window, as_lines


class State(StrEnum):
    """States of a slot; the runbook has a section for each."""

    PREPARED = "prepared"
    UNKNOWN = "unknown"
    PENDING = "pending"
    FAILED = "failed"
    COMPLETED = "completed"
    REJECTED = "rejected"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DIVERGED = "diverged"


OPEN = frozenset({State.UNKNOWN, State.PENDING, State.FAILED})
"""In flight: the lines of the current body count as taken."""

IN_EFFECT = OPEN | {State.COMPLETED}
"""States whose current body counts in the difference."""

FREE = frozenset({State.PREPARED, State.REFUSED, State.WITHDRAWN})
"""The partner shows nothing under the slot: a build may fill it again (see `Slot.free`)."""

UNFINISHED = frozenset({State.DIVERGED, State.PREPARED}) | OPEN
"""Something is still to come, from a run, the partner or a person: the date is not settled."""

ABSENCES_TO_REFUSE = {Verdict.REFUSAL: 1, Verdict.UNAUTHORISED: 2}


@dataclass(frozen=True, slots=True)
class Body:
    """What was, or will be, sent under a slot.

    `sent`: an attempt row was written for it, and nothing proved that no byte left.

    `cutoff_at` is a property of the settlement where the partner's clients may dispute. `window` is
    that of the trades that it settles; None where no notes of ours tell it, or a person has taken
    the body as booked.
    """

    number: int
    positions: Positions
    sent: bool = False
    cutoff_at: datetime | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot as the fold sees it; `absences` counts empty look-ups since the last answer."""

    external_id: str
    state: State
    current_body: int | None = None
    settlement_id: str | None = None
    reason: str | None = None
    last_verdict: Verdict | None = None
    absences: int = 0
    bodies: tuple[Body, ...] = ()

    @property
    def current(self) -> Body | None:
        """The body that would be sent next, or that the partner holds."""
        return next((body for body in self.bodies if body.number == self.current_body), None)

    @property
    def never_sent(self) -> bool:
        """No byte of the current body can have left: see `Body.sent`."""
        return self.current is not None and not self.current.sent

    @property
    def free(self) -> bool:
        """The partner shows nothing under it and nothing of its body is under way: to be filled.

        That is so after a 409 to the mere asking for a payload, too, once a look-up finds nothing:
        if something is booked there after all, the next body meets it under the same externalId.
        """
        found_nothing = self.never_sent and self.absences > 0
        return self.state in FREE or (self.state is State.UNKNOWN and found_nothing)

    @property
    def in_conflict(self) -> bool:
        """A 409 is the last word: reconciliation has to find out what the partner holds."""
        return self.state is State.UNKNOWN and self.last_verdict is Verdict.CONFLICT


def fold(slot: Slot, evidence: Evidence) -> Slot:
    """The slot after `evidence`. Pure; a body recognised as ours may be appended to `bodies`."""
    match evidence:
        case Sent():
            return _sent(slot, evidence)
        case NotSent():
            return _not_sent(slot, evidence)
        case Answered() if evidence.to_payload:
            return _no_payload(slot, evidence)
        case Answered():
            return _answered(slot, evidence)
        case Shown():
            return _shown(slot, evidence)
        case Absent():
            return _absent(slot)


def _sent(slot: Slot, evidence: Sent) -> Slot:
    bodies = tuple(
        replace(body, sent=True) if body.number == evidence.body_number else body
        for body in slot.bodies
    )
    state = State.UNKNOWN if slot.state in FREE else slot.state
    return replace(slot, bodies=bodies, state=state, last_verdict=None, absences=0)


def _not_sent(slot: Slot, evidence: NotSent) -> Slot:
    """Undo `Sent` where no byte of the body can be on its way, from this attempt or another.

    What was proved meanwhile stays; so does what is open because of an older body.
    """
    if not evidence.only_attempt:
        return slot
    bodies = tuple(
        replace(body, sent=False) if body.number == evidence.body_number else body
        for body in slot.bodies
    )
    nothing_since = slot.state is State.UNKNOWN and slot.last_verdict is None
    if not nothing_since or evidence.body_number != slot.current_body:
        return replace(slot, bodies=bodies)
    return replace(slot, bodies=bodies, state=State.PREPARED, reason=evidence.detail)


def _no_payload(slot: Slot, evidence: Answered) -> Slot:
    """The partner gives no signing payload: kept as the last answer, for the look-up that follows.

    It says nothing about a body that somebody else has sent meanwhile.
    """
    waits = slot.state in {State.PREPARED, State.UNKNOWN} and slot.never_sent
    of_another = evidence.body_number != slot.current_body
    if not waits or of_another or evidence.verdict is Verdict.UNKNOWN:
        return slot
    state = State.UNKNOWN if evidence.verdict is Verdict.CONFLICT else slot.state
    return replace(
        slot, state=state, reason=evidence.detail, last_verdict=evidence.verdict, absences=0
    )


def _answered(slot: Slot, evidence: Answered) -> Slot:
    if slot.state is State.DIVERGED:
        return slot
    handlers: dict[Verdict, Callable[[Slot, Answered], Slot]] = {
        Verdict.COMPLETED: _completed,
        Verdict.PENDING: _in_progress,
        Verdict.FAILED: _in_progress,
        Verdict.REJECTED: _rejected,
    }
    return handlers.get(evidence.verdict, _proves_nothing)(slot, evidence)


def _completed(slot: Slot, evidence: Answered) -> Slot:
    if slot.state is State.COMPLETED and slot.current_body != evidence.body_number:
        held = next((body for body in slot.bodies if body.number == evidence.body_number), None)
        if held and slot.current and dict(held.positions) == dict(slot.current.positions):
            return slot
        reason = (
            f"completed with body {slot.current_body} and again with body {evidence.body_number}"
        )
        return replace(slot, state=State.DIVERGED, reason=reason)
    return replace(
        slot,
        state=State.COMPLETED,
        current_body=evidence.body_number,
        settlement_id=evidence.settlement_id,
        reason=None,
        last_verdict=evidence.verdict,
        absences=0,
    )


def _in_progress(slot: Slot, evidence: Answered) -> Slot:
    if slot.state in {State.COMPLETED, State.REJECTED}:
        return slot
    return replace(
        slot,
        state=State(evidence.verdict.value),
        current_body=evidence.body_number,
        settlement_id=evidence.settlement_id,
        reason=evidence.detail,
        last_verdict=evidence.verdict,
        absences=0,
    )


def _rejected(slot: Slot, evidence: Answered) -> Slot:
    if slot.state is State.COMPLETED:
        return slot
    return replace(_in_progress(slot, evidence), state=State.REJECTED)


def _proves_nothing(slot: Slot, evidence: Answered) -> Slot:
    """A 409, a no, a fault, or a completion outside a 200: kept, for the look-up that follows."""
    if slot.state is State.PREPARED and evidence.verdict is Verdict.CONFLICT:
        slot = replace(slot, state=State.UNKNOWN)
    if slot.state is not State.UNKNOWN or evidence.body_number != slot.current_body:
        return slot
    return replace(slot, reason=evidence.detail, last_verdict=evidence.verdict, absences=0)


def _shown(slot: Slot, evidence: Shown) -> Slot:
    if slot.state is State.DIVERGED:
        return slot
    if slot.settlement_id not in {None, evidence.settlement_id}:
        return _diverged(slot, evidence, f"two settlements: {slot.settlement_id} and")
    if evidence.status == "rejected" and slot.state is not State.COMPLETED:
        return _settle_as(slot, evidence, State.REJECTED, slot.current_body)
    if _lags_behind(slot, evidence):
        return slot
    matched, slot = _match(slot, evidence)
    if matched is None:
        return _diverged(slot, evidence, "none of our bodies:")
    if slot.state is State.COMPLETED:
        same = slot.current is not None and dict(slot.current.positions) == dict(evidence.positions)
        return slot if same else _diverged(slot, evidence, "another body than the completed one:")
    if evidence.status == "completed" and not evidence.transfers_completed:
        return _diverged(slot, evidence, "completed, with transfers that are not:")
    return _settle_as(slot, evidence, State(evidence.status), matched.number)


def _lags_behind(slot: Slot, evidence: Shown) -> bool:
    """Whether nothing follows: no transfers yet, or it contradicts an end that was proved since.

    That is a rejection of what is completed, or what was read before a rejection.
    """
    unfinished = evidence.status in {"pending", "failed"}
    if evidence.status != "completed" and not unfinished:
        return True
    return not evidence.positions or (unfinished and slot.state is State.REJECTED)


def _match(slot: Slot, evidence: Shown) -> tuple[Body | None, Slot]:
    """The body that the partner shows; one that the ledger forgot is recognised by its notes."""
    current = (slot.current,) if slot.current is not None else ()
    for body in (*current, *slot.bodies):
        if _is_shown(body, evidence):
            return body, slot
    if not is_ours(slot, evidence):
        return None, slot
    number = max((body.number for body in slot.bodies), default=0) + 1
    proof = proof_in_notes(evidence.notes)
    adopted = Body(
        number,
        evidence.positions,
        sent=True,
        cutoff_at=evidence.cutoff_at,
        window=proof.window if proof else None,
    )
    return adopted, replace(slot, bodies=(*slot.bodies, adopted))


def _is_shown(body: Body, evidence: Shown) -> bool:
    proof = proof_in_notes(evidence.notes)
    same_window = proof is None or proof.window == body.window
    same_cut_off = evidence.cutoff_at in {None, body.cutoff_at}
    same_amounts = dict(body.positions) == dict(evidence.positions)
    return same_window and same_cut_off and same_amounts


def is_ours(slot: Slot, evidence: Shown) -> bool:
    """Whether a settlement that equals none of our bodies is one that the ledger has forgotten.

    Notes of ours prove for which amounts they were written. Without notes (the partner may leave
    them out) only a slot of which the ledger has no body is taken for a forgotten one.
    """
    proof = proof_in_notes(evidence.notes)
    if proof is not None:
        lines = as_lines(evidence.positions)
        return proof.proves(slot.external_id, lines, evidence.cutoff_at)
    return evidence.notes is None and not slot.bodies


def _settle_as(slot: Slot, evidence: Shown, state: State, body_number: int | None) -> Slot:
    return replace(
        slot,
        state=state,
        current_body=body_number,
        settlement_id=evidence.settlement_id,
        reason=evidence.reason,
        last_verdict=Verdict(evidence.status),
        absences=0,
    )


def _diverged(slot: Slot, evidence: Shown, why: str) -> Slot:
    reason = f"the partner shows {why} {evidence.settlement_id} ({evidence.status})"
    return replace(slot, state=State.DIVERGED, reason=reason)


def _absent(slot: Slot) -> Slot:
    asked_in_vain = slot.state is State.PREPARED and slot.last_verdict in ABSENCES_TO_REFUSE
    if slot.state is not State.UNKNOWN and not asked_in_vain:
        return slot
    absences = slot.absences + 1
    needed = ABSENCES_TO_REFUSE.get(slot.last_verdict) if slot.last_verdict else None
    refused = needed is not None and absences >= needed
    return replace(slot, absences=absences, state=State.REFUSED if refused else slot.state)
