"""Of the events of a partner: the newest of each date, and what its runs have left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, cast, func, select
from sqlalchemy.dialects.postgresql import JSON

from settlement.ledger.schema import event

MOST_RUNS = 200


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The newest event about a business date."""

    at: datetime
    kind: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunTrace:
    """What a run left in the ledger for a date: is its last event the proof that all is settled."""

    business_date: date
    run_id: str
    proved: bool


def last_events(tx: Connection, partner: str) -> dict[date, LastEvent]:
    """Newest event of each business date, however old.

    Reads every event's key and date, and the details of one event a date.
    """
    newest = (
        select(func.max(event.c.seq))
        .where(event.c.partner == partner, event.c.business_date.is_not(None))
        .group_by(event.c.business_date)
    )
    query = select(event.c.business_date, event.c.at, event.c.kind, event.c.details).where(
        event.c.partner == partner, event.c.seq.in_(newest)
    )
    return {
        row.business_date: LastEvent(row.at, row.kind, json.loads(row.details))
        for row in tx.execute(query)
    }


def first_event_at(tx: Connection, partner: str) -> datetime | None:
    """Since when the ledger knows the partner; None if it does not."""
    query = select(event.c.at).where(event.c.partner == partner).order_by(event.c.seq).limit(1)
    at: datetime | None = tx.execute(query).scalar_one_or_none()
    return at


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
