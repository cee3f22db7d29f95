"""Checks of the warehouse: the newest due date read as by a run, and uncovered trades."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, note, ok, wrong
from settlement.ledger.database import Ledger
from settlement.ledger.install.version import current_version, newest_version
from settlement.steps.compute import lines_to_settle
from settlement.warehouse import Warehouse
from settlement.warehouse.hashed_ids import read_trade_ids
from settlement.warehouse.reader import CLOCKS_DIFFER
from settlement.watch.uncovered import find_uncovered

UNCOVERED = "trades without a date"


@dataclass(slots=True)
class Traded:
    """Connections that the newest trades name, once the warehouse has been checked."""

    connections: set[str] = field(default_factory=set)


def check_warehouse(
    warehouse: Warehouse, partner: PartnerFile, now: datetime, traded: Traded
) -> Iterator[Diagnosis]:
    """The newest due window by the partner file's calendar: columns, types, checks, balance.

    :param traded: is told which connections have a net position
    """
    subject = "warehouse"
    business_date = newest_due_date(partner, now)
    window = BusinessCalendar(partner).window(business_date)
    with warehouse.snapshot(partner, window) as reading:
        reading.check()
        read_trade_ids(reading, f"{partner.name} {business_date}").close()
        count = reading.trade_count()
        traded.connections.update(line.connection_id for line in lines_to_settle(reading, None))
    if count:
        positions = f"{len(traded.connections)} connections"
        yield ok(
            subject, f"{count:,} trades of {business_date} pass every check: {positions}, balanced"
        )
    else:
        yield note(
            subject,
            f"no trades of {business_date}: the columns can be read, nothing else can be tested",
        )
    loaded = warehouse.loaded_until(partner, now + CLOCKS_DIFFER)
    if loaded is None:
        yield wrong(subject, f"there is not one trade of {partner.name}: check trades.sql")
    elif loaded < window.end:
        yield note(
            subject,
            f"newest recording {loaded.isoformat()}, before the cut-off of {business_date}: is the "
            "load late?",
        )


def check_uncovered(
    ledger: Ledger, warehouse: Warehouse, partner: PartnerFile, now: datetime
) -> Iterator[Diagnosis]:
    """As the watch finds them: before, between and after all windows, or at no time."""
    with ledger.transaction() as tx:
        upgraded = current_version(tx) == newest_version()
    if not upgraded:
        yield note(UNCOVERED, "not known before the ledger is upgraded: it holds the windows")
        return
    found = find_uncovered(ledger, warehouse, partner, now)
    for each in found:
        yield wrong(UNCOVERED, str(each))
    if not found:
        yield ok(UNCOVERED, "every trade lies in a date that is settled or will be")


def newest_due_date(partner: PartnerFile, now: datetime) -> date:
    """The newest business date that is due, even one before `first_business_date`."""
    calendar = BusinessCalendar(partner)
    business_date = calendar.following(now.astimezone(UTC).date())
    while calendar.due_at(business_date) > now:
        business_date = calendar.previous(business_date)
    return business_date
