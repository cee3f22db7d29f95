"""Made-up trades of a local Airflow: every date that the scheduler settles has some."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from partner_sandbox.demo_trades import seed_day
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.errors import ConfigurationError

WAREHOUSE_FILE = "warehouse.duckdb"


def seed(home: Path, dates: list[date], *, trades: int, clients: int = 100) -> None:
    """Write made-up trades of these dates; those that have theirs already are left as they are.

    :raises duckdb.IOException: if another process has the warehouse open
    """
    calendar = BusinessCalendar(load_partner("demo", home / "partners"))
    ids = [each.id for each in demo_connections(clients)]
    for day in dates:
        window = calendar.window(day)
        seed_day(home / WAREHOUSE_FILE, "demo", window, ids, DEMO_CURRENCIES, trades=trades)


def seed_what_closed(home: Path, after: date, *, trades: int) -> date:
    """Seed dates whose cut-off has passed since; the newest closed date that has its trades.

    Between cut-off and `settle_after`, else the schedule would meet a date without a single trade.
    """
    try:
        file = load_partner("demo", home / "partners")
        dates = [day for day in closed_dates(file) if day > after]
        seed(home, dates, trades=trades)
    except (ConfigurationError, duckdb.IOException):
        return after  # it is being edited, or a worker is reading: once more, a little later
    return dates[-1] if dates else after


def closed_dates(partner: PartnerFile) -> list[date]:
    """Every business date of a partner file whose cut-off is past, oldest first."""
    calendar, now = BusinessCalendar(partner), datetime.now(UTC)
    dates, day = [], calendar.previous(now.date() + timedelta(days=2))
    while day >= partner.first_business_date:
        dates.append(day)
        day = calendar.previous(day)
    return [day for day in reversed(dates) if calendar.cut_off(day) <= now]


def is_due(partner: PartnerFile, day: date) -> bool:
    """Whether a date may be settled by now."""
    return BusinessCalendar(partner).due_at(day) <= datetime.now(UTC)
