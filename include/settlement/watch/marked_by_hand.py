"""Runs that Airflow shows as success and the ledger does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from settlement.config.calendar import BusinessCalendar
from settlement.watch.context import WatchContext
from settlement.watch.date_status import LOOK_BACK, due_dates
from settlement.watch.finding import Finding, Kind
from settlement.watch.recent_events import RunTrace, run_traces


def read_unproved_successes(context: WatchContext) -> Sequence[RunTrace]:
    """Runs whose last word in the ledger is not "settled", and that Airflow shows as success."""
    if context.runs is None:
        return []
    dates = due_dates(context.partner, context.now)
    since = context.now - timedelta(days=LOOK_BACK)
    if dates:
        since = min(since, BusinessCalendar(context.partner).due_at(dates[0]))
    with context.ledger.transaction() as tx:
        traces = run_traces(tx, context.partner.name, since)
    unproved = [each for each in traces if not each.proved]
    succeeded = context.runs.succeeded([each.run_id for each in unproved])
    return [each for each in unproved if each.run_id in succeeded]


def marked_by_hand(context: WatchContext, runs: Sequence[RunTrace]) -> Iterator[Finding]:
    """Such a run was set by hand, or its gate never ran."""
    for each in runs:
        text = (
            f"Airflow shows run {each.run_id} as success, and the ledger has no proof by that run "
            "that the date is settled: clear the run's tasks, so that it proves it or turns red"
        )
        yield Finding(
            Kind.MARKED_BY_HAND, context.partner.name, text, business_date=each.business_date
        )
