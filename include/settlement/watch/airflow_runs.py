"""What Airflow says of the runs: successes that the ledger does not prove, and a missing pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, cast, func, select
from sqlalchemy.dialects.postgresql import JSON

from settlement.config.calendar import BusinessCalendar
from settlement.ledger.schema import event
from settlement.watch.context import WatchContext
from settlement.watch.date_status import LOOK_BACK, due_dates
from settlement.watch.finding import Finding, Kind

MOST_RUNS = 200


@dataclass(frozen=True, slots=True)
class RunTrace:
    """A run that left events of a date; `proved`: the last of them is the gate's proof."""

    business_date: date
    run_id: str
    proved: bool


def read_pool(context: WatchContext) -> str | None:
    """What keeps tasks from the pool in which they talk to the partner; None without an Airflow.

    Without the pool nothing is sent, and nothing is red.
    """
    return context.runs.waits_for_pool() if context.runs is not None else None


def no_pool(context: WatchContext, problem: str | None) -> Iterator[Finding]:
    """One finding; a scheduler that is merely slow is checked again."""
    if problem is not None:
        yield Finding(Kind.NO_POOL, context.partner.name, problem, may_pass=True)


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


def run_traces(tx: Connection, partner: str, since: datetime) -> list[RunTrace]:
    """The newest runs that left events since then, newest first.

    A run that got as far as reading the trades has left one; one that did not has settled nothing,
    and its date is found by that.
    """
    run_id = cast(event.c.details, JSON)["run_id"].astext
    newest = func.max(event.c.seq)
    query = (
        select(
            event.c.business_date,
            run_id.label("run_id"),
            (newest == newest.filter(event.c.kind == "settled")).label("proved"),
        )
        .where(*_since(partner, since), event.c.business_date.is_not(None), run_id.is_not(None))
        .group_by(event.c.business_date, run_id)
        .order_by(newest.desc())
        .limit(MOST_RUNS)
    )
    return [RunTrace(row.business_date, row.run_id, bool(row.proved)) for row in tx.execute(query)]


def _since(partner: str, since: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions that walk the primary key backwards and stop at the first older event."""
    older = (
        select(func.max(event.c.seq))
        .where(event.c.partner == partner, event.c.at < since)
        .scalar_subquery()
    )
    return event.c.partner == partner, event.c.seq > func.coalesce(older, 0)
