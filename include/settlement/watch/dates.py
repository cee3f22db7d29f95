"""Business dates that were not settled in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from settlement.config.calendar import BusinessCalendar
from settlement.watch.date_span import DateSpan, spans_of
from settlement.watch.eyes import Eyes
from settlement.watch.finding import Finding, Kind, in_words
from settlement.watch.standing import Standing

AT_WORK = timedelta(minutes=30)
"""A date that something happened to so recently is being worked on; shorter than the watch's hour,
so that it is looked at again before much time has passed."""


@dataclass(frozen=True, slots=True)
class DatesRead:
    """How the dates stand, and which of those that no run has read have a run under way."""

    standings: tuple[Standing, ...]
    at_work: frozenset[date]


def read_dates(eyes: Eyes) -> DatesRead:
    """How the dates stand; Airflow is asked only if there are dates that no run has read."""
    standings, at_work = tuple(eyes.standings), frozenset[date]()
    untouched = any(_late(eyes, each) and not each.touched for each in standings)
    if untouched and eyes.runs is not None:
        at_work = frozenset(eyes.runs.dates_at_work(eyes.partner))
    return DatesRead(standings, at_work)


def unsettled_dates(eyes: Eyes, read: DatesRead) -> Iterator[Finding]:
    """Dates past their deadline that no run touched, or that are not settled.

    Dates in a row about which the same is to be said are one finding.
    """
    alike: dict[tuple[Kind, str], dict[date, Standing]] = {}
    for each in read.standings:
        under_way = not each.touched and each.business_date in read.at_work
        if _late(eyes, each) and not under_way:
            alike.setdefault(_what(each), {})[each.business_date] = each
    calendar = BusinessCalendar(eyes.partner)
    for (kind, why), standings in alike.items():
        for span in spans_of(standings, calendar):
            yield _finding(eyes, kind, why, span, standings[span.first])


def _late(eyes: Eyes, each: Standing) -> bool:
    if each.left is None or each.deadline > eyes.now:
        return False
    return each.last_event_at is None or eyes.now - each.last_event_at >= AT_WORK


def _what(each: Standing) -> tuple[Kind, str]:
    if not each.touched:
        return Kind.NEVER_TOUCHED, ""
    return Kind.OVERDUE, each.left.in_one_line if each.left else ""


def _finding(eyes: Eyes, kind: Kind, why: str, span: DateSpan, first: Standing) -> Finding:
    several = span.count > 1
    over = f"{'up to ' if several else ''}{in_words(eyes.now - first.deadline)}"
    run = f"`settlement run {eyes.partner.name} {span.first if not several else '<date>'}`"
    if kind is Kind.OVERDUE:
        text = f"should have been settled {over} ago: {why}. Clear its run, or {run}"
    elif several:
        text = (
            f"no run has ever read these dates, which should have been settled {over} ago: see why "
            "there is none (paused? marked by hand?), then run a backfill over them, or have "
            "first_business_date begin after them if others settled them"
        )
    else:
        text = (
            f"no run has ever read this date, which should have been settled {over} ago: see "
            f"why there is none (paused? marked by hand?), then trigger one, or {run}"
        )
    return Finding(
        kind,
        eyes.partner.name,
        text,
        business_date=span.first,
        span=span if several else None,
    )
