"""Business dates that were not settled in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from settlement.config.calendar import BusinessCalendar
from settlement.watch.context import WatchContext
from settlement.watch.date_status import DateStatus
from settlement.watch.finding import DateSpan, Finding, Kind, in_words, spans_of

AT_WORK = timedelta(minutes=30)
"""A date that something happened to so recently is being worked on; shorter than the watch's hour,
so that it is checked again before much time has passed."""


@dataclass(frozen=True, slots=True)
class DatesRead:
    """Status of the dates, and which of those that no run has read have a run under way."""

    statuses: tuple[DateStatus, ...]
    at_work: frozenset[date]


def read_dates(context: WatchContext) -> DatesRead:
    """Status of the dates; Airflow is asked only if there are dates that no run has read."""
    statuses, at_work = tuple(context.date_statuses), frozenset[date]()
    untouched = any(_late(context, each) and not each.touched for each in statuses)
    if untouched and context.runs is not None:
        at_work = frozenset(context.runs.dates_at_work(context.partner))
    return DatesRead(statuses, at_work)


def unsettled_dates(context: WatchContext, read: DatesRead) -> Iterator[Finding]:
    """Dates past their deadline that no run touched, or that are not settled.

    Dates in a row about which the same is to be said are one finding.
    """
    alike: dict[tuple[Kind, str], dict[date, DateStatus]] = {}
    for each in read.statuses:
        under_way = not each.touched and each.business_date in read.at_work
        if _late(context, each) and not under_way:
            alike.setdefault(_what(each), {})[each.business_date] = each
    calendar = BusinessCalendar(context.partner)
    for (kind, why), statuses in alike.items():
        for span in spans_of(statuses, calendar):
            yield _finding(context, kind, why, span, statuses[span.first])


def _late(context: WatchContext, each: DateStatus) -> bool:
    if each.left is None or each.deadline > context.now:
        return False
    return each.last_event_at is None or context.now - each.last_event_at >= AT_WORK


def _what(each: DateStatus) -> tuple[Kind, str]:
    if not each.touched:
        return Kind.NEVER_TOUCHED, ""
    return Kind.OVERDUE, each.left.in_one_line if each.left else ""


def _finding(
    context: WatchContext, kind: Kind, why: str, span: DateSpan, first: DateStatus
) -> Finding:
    several = span.count > 1
    over = f"{'up to ' if several else ''}{in_words(context.now - first.deadline)}"
    run = f"`settlement run {context.partner.name} {span.first if not several else '<date>'}`"
    if kind is Kind.OVERDUE:
        text = f"should have been settled {over} ago: {why}. Clear its run, or {run}"
    elif several:
        text = (
            f"no run has ever read these dates, which should have been settled {over} ago. See why "
            "there is none (paused? marked by hand?), then run a backfill over them; if others "
            "settled them, close them under Actions, or have first_business_date begin after them"
        )
    else:
        text = (
            f"no run has ever read this date, which should have been settled {over} ago. See "
            f"why there is none (paused? marked by hand?), then trigger one, or {run}; if others "
            "settled it, close it under Actions"
        )
    return Finding(
        kind,
        context.partner.name,
        text,
        business_date=span.first,
        span=span if several else None,
    )
