"""When a pending settlement is looked at again, and when a person has to."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from settlement.partner.profile import DisputeWindows
from settlement.steps.reconcile import GRACE, waiting_for

SENT = datetime(2026, 3, 3, 22, tzinfo=UTC)
FIRST = timedelta(seconds=15)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
spans = st.timedeltas(timedelta(0), timedelta(days=7))


def looks(windows: DisputeWindows) -> list[datetime]:
    """Every moment at which a settlement that never ends is looked up."""
    now, found = SENT, []
    while True:
        waiting = waiting_for(["s-1"], SENT, windows, now, FIRST)
        if now >= waiting.gives_up:
            return found
        assert waiting.next_look > now
        now = waiting.next_look
        found.append(now)


def test_without_disputes_it_is_looked_at_for_two_hours() -> None:
    """After 15 s, then each pause doubles the wait, up to ten minutes."""
    found = looks(DisputeWindows())
    assert [each - SENT for each in found[:4]] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert max(b - a for a, b in itertools.pairwise(found)) == 10 * MINUTE
    assert GRACE <= found[-1] - SENT <= GRACE + 10 * MINUTE


def test_a_day_of_disputes_is_looked_at_once_an_hour_and_right_after_each_window() -> None:
    """Few look-ups in between, none too late at the end."""
    found = looks(DisputeWindows(dispute=20 * HOUR, top_up=4 * HOUR))
    assert SENT + 20 * HOUR + FIRST in found
    assert SENT + DAY + FIRST in found
    assert len(found) < 60


@given(spans, spans, spans)
def test_a_look_is_never_in_the_past_nor_far_after_a_window(
    dispute: timedelta, top_up: timedelta, waited: timedelta
) -> None:
    """And nobody gives up before the windows and the partner's grace are over."""
    windows, now = DisputeWindows(dispute, top_up), SENT + waited
    waiting = waiting_for(["s-1"], SENT, windows, now, FIRST)
    assert waiting.until == SENT + dispute + top_up
    assert waiting.gives_up == waiting.until + GRACE
    assert waiting.next_look > now
    for end in (SENT + dispute, waiting.until):
        assert waiting.next_look <= end + FIRST or now >= end + FIRST


def test_the_page_says_until_when_and_why() -> None:
    """What on-call reads while nothing runs."""
    windows = DisputeWindows(dispute=HOUR, top_up=HOUR)
    waiting = waiting_for(["demo-2026-03-03-1"], SENT, windows, SENT, FIRST)
    assert waiting.why == (
        "clients may dispute demo-2026-03-03-1 until 2026-03-03T23:00:00+00:00, then balances can "
        "be topped up until 2026-03-04T00:00:00+00:00"
    )
    nothing = waiting_for(["demo-2026-03-03-1"], SENT, DisputeWindows(), SENT, FIRST)
    assert nothing.why == "the partner is working on demo-2026-03-03-1"
