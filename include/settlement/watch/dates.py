"""Business dates that were not settled in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from settlement.watch.eyes import Eyes
from settlement.watch.finding import Finding, Kind, in_words
from settlement.watch.standing import Standing

AT_WORK = timedelta(minutes=30)
"""A date that something happened to so recently is being worked on; shorter than the watch's hour,
so that it is looked at again before much time has passed."""
SHOWN = 5


def read_dates(eyes: Eyes) -> Sequence[Standing]:
    """How the dates stand."""
    return eyes.standings


def unsettled_dates(eyes: Eyes, standings: Sequence[Standing]) -> Iterator[Finding]:
    """Dates past their deadline that no run touched, or that are not settled."""
    never_run: list[Standing] = []
    for each in standings:
        if each.left is None or each.deadline > eyes.now:
            continue
        if each.last_event_at is not None and eyes.now - each.last_event_at < AT_WORK:
            continue
        if each.recent:
            yield _unsettled(eyes, each, each.left)
        else:
            never_run.append(each)
    if never_run:
        yield _never_run(eyes, never_run)


def _unsettled(eyes: Eyes, each: Standing, left: str) -> Finding:
    over = in_words(eyes.now - each.deadline)
    again = f"`settlement run {eyes.partner.name} {each.business_date}`"
    if each.touched:
        kind = Kind.OVERDUE
        why = _in_one_line(left, f"{eyes.partner.name} {each.business_date}")
        text = f"should have been settled {over} ago: {why}. Clear its run, or {again}"
    else:
        kind = Kind.NEVER_TOUCHED
        text = (
            f"no run has ever read this date, which should have been settled {over} ago: see "
            f"why there is none (paused? marked by hand?), then trigger one, or {again}"
        )
    return Finding(kind, eyes.partner.name, text, business_date=each.business_date)


def _never_run(eyes: Eyes, dates: Sequence[Standing]) -> Finding:
    """Older dates that the ledger does not know, in one finding."""
    days = [str(each.business_date) for each in dates]
    more = f" and {len(days) - SHOWN} more" if len(days) > SHOWN else ""
    text = (
        f"no run has ever read {len(days)} older date(s): {', '.join(days[:SHOWN])}{more}. Run a "
        "backfill over them, or have first_business_date begin after them if others settled them"
    )
    return Finding(Kind.NEVER_TOUCHED, eyes.partner.name, text)


def _in_one_line(left: str, named: str) -> str:
    """What the gate would say, without the name that the finding bears already."""
    said = left.removeprefix(f"{named} is not settled:").removeprefix(f"{named}:")
    return "; ".join(each.removeprefix("- ") for each in said.strip().splitlines())
