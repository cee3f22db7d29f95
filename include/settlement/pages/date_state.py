"""The one word and sign under which a business date is listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from settlement.errors import NotSettledError
from settlement.slot.difference import difference, without_connections
from settlement.slot.state import Slot, State
from settlement.steps.verify import DateFacts
from settlement.values import Positions


class DateState(StrEnum):
    """Where a business date stands; the first that applies, worst first."""

    NEEDS_A_PERSON = "needs a person"
    REFUSED = "refused"
    STOPPED = "stopped"
    NOT_RUN = "not run"
    WAITS = "waits for the partner"
    SETTLING = "settling"
    NOT_SENT = "not sent"
    HELD = "on hold"
    CLOSED = "closed"
    SETTLED = "settled"


SIGNS = {
    DateState.NEEDS_A_PERSON: "!",
    DateState.REFUSED: "✗",
    DateState.STOPPED: "■",
    DateState.NOT_RUN: "○",
    DateState.WAITS: "◷",
    DateState.SETTLING: "→",
    DateState.NOT_SENT: "…",
    DateState.HELD: "‖",
    DateState.CLOSED: "⊘",
    DateState.SETTLED: "✓",
}
"""Beside the colour, for whoever cannot tell colours apart."""


@dataclass(frozen=True, slots=True)
class Around:
    """What matters for a date and is no part of its facts."""

    left: NotSettledError | None
    asked: bool
    stopped: bool


def state_of(facts: DateFacts, around: Around) -> DateState:
    """The state of a date.

    :param facts: what the ledger holds about it
    :param around: what the gate says of them, whether a question of the date is open, and whether
        the partner is stopped
    """
    states = {each.state for each in facts.slots}
    owed = difference(facts.net, facts.slots)
    if around.left is None:
        return DateState.HELD if owed else DateState.SETTLED
    if around.asked or State.DIVERGED in states:
        return DateState.NEEDS_A_PERSON
    if _refused(facts.slots, without_connections(owed, facts.held)):
        return DateState.REFUSED
    if around.stopped:
        return DateState.STOPPED
    if facts.snapshot is None:
        return DateState.NOT_RUN
    if states & {State.UNKNOWN, State.FAILED, State.PREPARED}:
        return DateState.SETTLING
    return DateState.WAITS if State.PENDING in states else DateState.NOT_SENT


def _refused(slots: Sequence[Slot], left: Positions) -> bool:
    """Whether the partner said no to something that is still owed."""
    return any(
        each.state in {State.REFUSED, State.REJECTED}
        and each.current is not None
        and any(key in left for key in each.current.positions)
        for each in slots
    )
