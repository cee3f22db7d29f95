"""Step 6: find out what the partner holds where it answered 409, or shows a settlement pending.

How long a pending settlement may take, and when to look at it again, follows from the
dispute window and the top-up window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from settlement.ledger.slots import load_slots
from settlement.partner.profile import DisputeWindows
from settlement.slot.state import Slot, State
from settlement.steps.desk import Desk
from settlement.steps.look_up import look_up
from settlement.steps.outcome import nothing_shown, raise_unless_done

LONGEST_PAUSE = timedelta(minutes=10)
LOOKS_AT_LEAST = 24
GRACE = timedelta(hours=2)
"""How long the partner may need beside its dispute and top-up windows before a person is asked."""


def reconcile_conflicts(desk: Desk, business_date: date) -> list[Slot]:
    """Look up every slot in conflict and compare with each body that it ever had.

    :raises DivergedSlotError: if the partner holds something that is none of them
    :raises OutcomeUnknownError: if the partner shows nothing, or a look-up fails
    :raises CredentialsError: if the partner refuses to show anything
    :raises RejectedError, SettlementFailedError: if that is what the partner shows
    """
    slots = _look_up_all(desk, business_date, lambda slot: slot.in_conflict)
    for slot in slots:
        if slot.in_conflict:
            raise nothing_shown(slot)
        raise_unless_done(desk, slot, None)
    return slots


def look_up_pending(desk: Desk, business_date: date) -> list[str]:
    """Look up every pending slot; the externalIds of those that still are.

    :raises DivergedSlotError, RejectedError, SettlementFailedError: if that is how one ended
    :raises OutcomeUnknownError, CredentialsError: as `look_up` does
    """
    slots = _look_up_all(desk, business_date, lambda slot: slot.state is State.PENDING)
    for slot in slots:
        raise_unless_done(desk, slot, None)
    return [slot.external_id for slot in slots if slot.state is State.PENDING]


def _look_up_all(desk: Desk, business_date: date, wanted: Callable[[Slot], bool]) -> list[Slot]:
    with desk.ledger.transaction() as tx:
        slots = [each for each in load_slots(tx, desk.partner.name, business_date) if wanted(each)]
    return [look_up(desk, each.external_id) for each in slots]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for. `until`: when it should be over; after `gives_up` a person must look."""

    external_ids: tuple[str, ...]
    next_look: datetime
    until: datetime
    gives_up: datetime
    why: str


def waiting_for(
    external_ids: Sequence[str],
    sent_at: datetime,
    dispute_windows: DisputeWindows,
    now: datetime,
    first_pause: timedelta,
) -> Waiting:
    """When to look again at settlements of which the first was sent at `sent_at`.

    Each pause is as long as the wait so far, at most ten minutes or a fraction of both windows,
    whichever is longer; and there is a look right after each of them (partner API, section 7).
    """
    dispute_end = sent_at + dispute_windows.dispute
    until = dispute_end + dispute_windows.top_up
    longest = max(LONGEST_PAUSE, (until - sent_at) / LOOKS_AT_LEAST)
    pause = min(max(now - sent_at, first_pause), longest)
    ends = [end + first_pause for end in (dispute_end, until) if end + first_pause > now]
    return Waiting(
        tuple(external_ids),
        next_look=min([now + pause, *ends]),
        until=until,
        gives_up=until + GRACE,
        why=_why(external_ids, dispute_windows, dispute_end, until),
    )


def _why(
    external_ids: Sequence[str],
    dispute_windows: DisputeWindows,
    dispute_end: datetime,
    until: datetime,
) -> str:
    listed = ", ".join(external_ids)
    if not dispute_windows.dispute and not dispute_windows.top_up:
        return f"the partner is working on {listed}"
    top_up = (
        f", then balances can be topped up until {_clock(until)}" if dispute_windows.top_up else ""
    )
    return f"clients may dispute {listed} until {_clock(dispute_end)}{top_up}"


def _clock(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
