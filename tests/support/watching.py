"""Checking a partner as the watch does, at the date that was due last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.watch.checks import find_all
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind
from support.day import World, demo_partner

HOUR = timedelta(hours=1)


LONGEST_TESTS = 4 * HOUR
"""From the import of this module to the latest moment as of which a test looks."""


def time_to_settle() -> timedelta:
    """`settled_within`: the usual, or less where a deadline would pass while tests look.

    The ledger's clock is the real one, so what is overdue would depend on the time of day.
    """
    now, partner = datetime.now(UTC), demo_partner()
    calendar = BusinessCalendar(partner)
    near = (now.date() + timedelta(days=each) for each in (-1, 0, 1))
    deadlines = [calendar.due_at(day) + partner.settled_within for day in near]
    passes = any(now - HOUR < each < now + LONGEST_TESTS for each in deadlines)
    return partner.settled_within - LONGEST_TESTS - HOUR if passes else partner.settled_within


def last_date_past_its_deadline(settled_within: timedelta) -> date:
    """The newest date that had to be settled by now."""
    now, calendar = datetime.now(UTC), BusinessCalendar(demo_partner())
    day = now.date()
    while calendar.due_at(day) + settled_within > now:
        day -= timedelta(days=1)
    return day


SETTLED_WITHIN = time_to_settle()
DAY = last_date_past_its_deadline(SETTLED_WITHIN)
SLOT = f"demo-{DAY}-1"


def partner_of_today(**changes: object) -> PartnerFile:
    """The demo's partner, whose first date is the one that was due last if nothing else is said."""
    usual = {"first_business_date": DAY, "settled_within": SETTLED_WITHIN}
    return demo_partner(**usual | changes)


@dataclass(frozen=True)
class AirflowSays:
    """Airflow, with these runs in success, these dates under way, and that said of the pool."""

    succeeded_runs: set[str]
    at_work: frozenset[date] = frozenset()
    pool: str | None = None

    def succeeded(self, run_ids: Sequence[str]) -> set[str]:
        """Those that were asked for."""
        return self.succeeded_runs & set(run_ids)

    def dates_at_work(self, partner: PartnerFile) -> set[date]:
        """Those that were given."""
        return set(self.at_work)

    def waits_for_pool(self) -> str | None:
        """What was given."""
        return self.pool


def look(
    world: World,
    *,
    later: timedelta = timedelta(0),
    runs: AirflowSays | None = None,
    daily: bool = True,
) -> list[Finding]:
    """All checks of the partner, now or later."""
    now = world.ledger.now() + later
    opened = (lambda: world.warehouse, lambda: world.api)
    return find_all(WatchContext(world.ledger, world.partner, *opened, runs, now, thorough=daily))


def found(findings: Sequence[Finding], kind: Kind, about: str = str(DAY)) -> Finding:
    """The one finding of this kind about that."""
    matching = [each for each in findings if (each.kind, each.about) == (kind, about)]
    assert len(matching) == 1, findings
    return matching[0]


def kinds(findings: Sequence[Finding]) -> set[Kind]:
    """Kinds of the findings."""
    return {each.kind for each in findings}
