"""How long a pending settlement may take, and when to look at it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from settlement.partner.profile import Windows

LONGEST_PAUSE = timedelta(minutes=10)
PAUSES_OF_A_WINDOW = 24
GRACE = timedelta(hours=2)
"""How long the partner may need beside its windows before a person is asked."""


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
    windows: Windows,
    now: datetime,
    first_pause: timedelta,
) -> Waiting:
    """When to look again at settlements of which the first was sent at `sent_at`.

    Each pause is as long as the wait so far, at most ten minutes or a fraction of the windows,
    whichever is longer; and there is a look right after each window (partner API, section 7).
    """
    dispute_end = sent_at + windows.dispute
    until = dispute_end + windows.top_up
    longest = max(LONGEST_PAUSE, (until - sent_at) / PAUSES_OF_A_WINDOW)
    pause = min(max(now - sent_at, first_pause), longest)
    ends = [end + first_pause for end in (dispute_end, until) if end + first_pause > now]
    return Waiting(
        tuple(external_ids),
        next_look=min([now + pause, *ends]),
        until=until,
        gives_up=until + GRACE,
        why=_why(external_ids, windows, dispute_end, until),
    )


def _why(
    external_ids: Sequence[str], windows: Windows, dispute_end: datetime, until: datetime
) -> str:
    listed = ", ".join(external_ids)
    if not windows.dispute and not windows.top_up:
        return f"the partner is working on {listed}"
    top_up = f", then balances can be topped up until {_clock(until)}" if windows.top_up else ""
    return f"clients may dispute {listed} until {_clock(dispute_end)}{top_up}"


def _clock(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
