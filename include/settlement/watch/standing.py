"""How each business date of the look-back stands, proved from the ledger as the gate proves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from settlement.business_calendar import BusinessCalendar
from settlement.errors import NotSettledError
from settlement.ledger.database import Ledger
from settlement.ledger.dates import FrozenDate, load_date
from settlement.ledger.snapshots import Snapshot, newest_snapshot
from settlement.partner_file import PartnerFile
from settlement.steps.verify import prove_settled
from settlement.watch.recent_events import LastEvent, last_events

LOOK_BACK = 30
"""Business dates that are looked at; what is older was found while it was not."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A business date that is due. `left` says what keeps it from being settled; None: nothing."""

    business_date: date
    deadline: datetime
    snapshot: Snapshot | None
    touched: bool
    last_event_at: datetime | None
    left: str | None


def due_dates(partner: PartnerFile, now: datetime) -> list[date]:
    """The last business dates that may be settled at `now`, at most LOOK_BACK, oldest first."""
    calendar = BusinessCalendar(partner)
    in_two_days = now.astimezone(ZoneInfo(partner.timezone)).date() + timedelta(days=2)
    day = calendar.previous(in_two_days)
    due: list[date] = []
    while len(due) < LOOK_BACK and day >= partner.first_business_date:
        if calendar.due_at(day) <= now:
            due.append(day)
        day = calendar.previous(day)
    return due[::-1]


def read_standings(ledger: Ledger, partner: PartnerFile, now: datetime) -> list[Standing]:
    """All of them from one snapshot of the ledger, while runs go on."""
    dates = due_dates(partner, now)
    if not dates:
        return []
    with ledger.transaction() as tx:
        tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        # Nothing is said of a date before it is due, so older events are about older dates.
        since = BusinessCalendar(partner).due_at(dates[0])
        events = last_events(tx, partner.name, since)
        return [_standing(tx, partner, day, events.get(day)) for day in dates]


def _standing(tx: Connection, partner: PartnerFile, day: date, last: LastEvent | None) -> Standing:
    frozen = load_date(tx, partner.name, day)
    snapshot = newest_snapshot(tx, partner.name, day)
    left = None
    if not _unchanged_since_proved(frozen, snapshot, last):
        try:
            prove_settled(tx, partner, day, since=None)
        except NotSettledError as error:
            left = error.message
    return Standing(
        business_date=day,
        deadline=BusinessCalendar(partner).due_at(day) + partner.settled_within,
        snapshot=snapshot,
        touched=frozen is not None and frozen.generation > 0,
        last_event_at=last.at if last else None,
        left=left,
    )


def _unchanged_since_proved(
    frozen: FrozenDate | None, snapshot: Snapshot | None, last: LastEvent | None
) -> bool:
    """Whether the gate's proof still holds as it is, so that no position need be read again.

    Whatever changes a date or its slots writes an event about it in the same transaction; only a
    new reading that ended nowhere does not, and holds belong to no date.
    """
    return (
        frozen is not None
        and snapshot is not None
        and last is not None
        and last.kind == "settled"
        and last.details["snapshot_id"] == snapshot.id
        and last.details["held"] == 0
        and snapshot.generation == frozen.generation
    )
