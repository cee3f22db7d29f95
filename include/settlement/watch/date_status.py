"""Status of each business date, proved from the ledger as the gate proves it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select, text

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import NotSettledError
from settlement.ledger.database import Ledger
from settlement.ledger.dates import FrozenDate, frozen_dates
from settlement.ledger.schema import event
from settlement.ledger.snapshots import Snapshot, newest_snapshots
from settlement.steps.verify import prove_settled

LOOK_BACK = 30
"""Business dates that are recent: that a hold was lifted is noticed within an hour, not a day."""


@dataclass(frozen=True, slots=True)
class DateStatus:
    """A business date that is due. `left` says what keeps it from being settled; None: nothing.

    `touched`: by a run.
    """

    business_date: date
    deadline: datetime
    snapshot: Snapshot | None
    touched: bool
    last_event_at: datetime | None
    left: NotSettledError | None


@dataclass(frozen=True, slots=True)
class _LastEvent:
    """The newest event about a business date."""

    at: datetime
    kind: str
    details: Mapping[str, Any]


def due_dates(partner: PartnerFile, now: datetime, most: int | None = LOOK_BACK) -> list[date]:
    """The last business dates that may be settled at `now`, oldest first; all with `most` None."""
    calendar = BusinessCalendar(partner)
    in_two_days = now.astimezone(ZoneInfo(partner.timezone)).date() + timedelta(days=2)
    business_date = calendar.previous(in_two_days)
    due: list[date] = []
    while business_date >= partner.first_business_date and (most is None or len(due) < most):
        if calendar.due_at(business_date) <= now:
            due.append(business_date)
        business_date = calendar.previous(business_date)
    return due[::-1]


def read_date_statuses(
    ledger: Ledger, partner: PartnerFile, now: datetime, *, thorough: bool
) -> list[DateStatus]:
    """All dates that are due or that the ledger knows, oldest first, while runs go on.

    What the ledger knows stays watched until it is settled: however old it is, and if the partner
    file calls it a date before the first one now.

    :param thorough: prove older dates anew that were settled but for connections on hold
    """
    calendar = BusinessCalendar(partner)
    due = due_dates(partner, now, most=None)
    recent = set(due[-LOOK_BACK:])
    with ledger.transaction() as tx:
        tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        known = frozen_dates(tx, partner.name)
        snapshots = newest_snapshots(tx, partner.name)
        events = _last_events(tx, partner.name)
        statuses = []
        for business_date in sorted({*due, *known}):
            held, read = known.get(business_date), snapshots.get(business_date)
            last = events.get(business_date)
            touched = held is not None and held.generation > 0
            but_held = not thorough and business_date not in recent
            proved = _proved(held, read, last, but_held=but_held)
            statuses.append(
                DateStatus(
                    business_date=business_date,
                    deadline=calendar.due_at(business_date) + partner.settled_within,
                    snapshot=read,
                    touched=touched,
                    last_event_at=last.at if last else None,
                    left=None if proved else _left(tx, partner, business_date, held),
                )
            )
    return statuses


def _left(
    tx: Connection, partner: PartnerFile, business_date: date, held: FrozenDate | None
) -> NotSettledError | None:
    if held is None:
        return NotSettledError(
            "no run has ever read it", partner=partner.name, business_date=business_date
        )
    try:
        prove_settled(tx, partner, business_date, since=None)
    except NotSettledError as error:
        return error.with_traceback(None)
    return None


def _proved(
    frozen: FrozenDate | None,
    snapshot: Snapshot | None,
    last: _LastEvent | None,
    *,
    but_held: bool,
) -> bool:
    """Whether the gate's proof still holds as it is, so that no position need be read again.

    Whatever changes a date or its slots writes an event about it in the same transaction; only a
    new reading that ended nowhere does not, and holds belong to no date.

    :param but_held: believe a proof, too, that left out connections on hold
    """
    return (
        frozen is not None
        and snapshot is not None
        and last is not None
        and last.kind == "settled"
        and last.details["snapshot_id"] == snapshot.id
        and (last.details["held"] == 0 or but_held)
        and snapshot.generation == frozen.generation
    )


def _last_events(tx: Connection, partner: str) -> dict[date, _LastEvent]:
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
        row.business_date: _LastEvent(row.at, row.kind, json.loads(row.details))
        for row in tx.execute(query)
    }
