"""Business dates, their cut-offs and windows.

A business date D ends at its cut-off, a local time on D; a cut-off of "00:00" is the midnight at
the end of D. Its window runs from the cut-off of the business date before it (included) to its own
(excluded), so that the windows of all business dates cover time without gap or overlap.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from settlement.config.partner_file import CutOff, PartnerFile
from settlement.errors import DateNotDueError, WindowConflictError
from settlement.values import Window

if TYPE_CHECKING:
    import holidays

_DAY = timedelta(days=1)
_MIDNIGHT = time(0, 0)
_SATURDAY = 5


class BusinessCalendar:
    """The calendar that a partner file describes. All instants are aware and in UTC."""

    def __init__(self, partner: PartnerFile) -> None:
        self._partner = partner
        self._zone = ZoneInfo(partner.timezone)
        self._entries = sorted(partner.cut_offs, key=lambda entry: entry.from_)

    def is_business_date(self, day: date) -> bool:
        """Whether trading days end on this date, by the calendar that applies to it."""
        calendar = self._entry(day).calendar
        if calendar == "all-days":
            return True
        if calendar == "weekdays":
            return day.weekday() < _SATURDAY
        # The market's own weekend counts: it is not Saturday and Sunday everywhere.
        return bool(_market(calendar).is_working_day(day))

    def previous(self, day: date) -> date:
        """Latest business date before this date."""
        return self._step(day, -_DAY)

    def following(self, day: date) -> date:
        """Earliest business date after this date."""
        return self._step(day, _DAY)

    def cut_off(self, business_date: date) -> datetime:
        """Instant that ends this date, itself no longer part of it.

        A local time that the clocks skip is the first instant after the gap; one that they show
        twice is the earlier of the two.
        """
        return _instant(self._local_cut_off(business_date), self._zone)

    def scheduled_at(self, business_date: date) -> datetime:
        """Instant at which the scheduler starts this date's run; never before its cut-off.

        The scheduler reads a local time that comes twice as the later of the two, and one that the
        clocks skip as that much later.
        """
        return max(_both_readings(self._local_cut_off(business_date), self._zone))

    def is_a_cut_off(self, instant: datetime) -> bool:
        """Whether the clocks show one of the partner's cut-offs, of whatever date, or skip it."""
        near = instant.astimezone(self._zone).date()
        return any(
            instant in _both_readings(datetime.combine(day, entry.at), self._zone)
            for entry in self._entries
            for day in (near - _DAY, near, near + _DAY)
        )

    def window(self, business_date: date) -> Window:
        """Trading time of this business date: from the previous business date's cut-off to its own.

        :raises WindowConflictError: if an edited cut-off leaves no time between the two
        """
        before = self.previous(business_date)
        start, end = self.cut_off(before), self.cut_off(business_date)
        if start >= end:
            raise WindowConflictError(
                f"{self._partner.name}: the window of {business_date} would be empty: {before} "
                f"ends at {start.isoformat()}, {business_date} at {end.isoformat()}. Correct the "
                f"cut_off entries of {self._partner.name}.toml",
                partner=self._partner.name,
                business_date=business_date,
            )
        return Window(start, end)

    def date_of_cut_off(self, instant: datetime) -> date:
        """Date that a run started at this instant settles.

        The date that ends there, or that the scheduler starts then; otherwise that of the last
        instant before.
        """
        day = (instant.astimezone(UTC) - timedelta(microseconds=1)).astimezone(self._zone).date()
        # Where the clocks change around midnight, either may lie on another local date.
        for near in (day - _DAY, day, day + _DAY):
            if instant in {self.cut_off(near), self.scheduled_at(near)}:
                return near
        return day

    def due_at(self, business_date: date) -> datetime:
        """Instant from which this date may be settled: its cut-off plus `settle_after`."""
        return self.cut_off(business_date) + self._partner.settle_after

    def require_due(self, business_date: date, now: datetime) -> None:
        """Make sure that this date can be settled at `now`.

        :raises DateNotDueError: if it is no business date, before the first one, or too early
        """
        partner = self._partner
        if business_date < partner.first_business_date:
            raise DateNotDueError(
                f"{partner.name}: {business_date} is before first_business_date "
                f"{partner.first_business_date} of {partner.name}.toml.",
                to_do="choose a later date",
                partner=partner.name,
                business_date=business_date,
            )
        if not self.is_business_date(business_date):
            raise DateNotDueError(
                f"{partner.name}: {business_date} is not a business date of calendar "
                f"{self._entry(business_date).calendar!r}.",
                to_do=f"run {self.following(business_date)}, its trades belong there",
                partner=partner.name,
                business_date=business_date,
            )
        due = self.due_at(business_date)
        if now < due:
            raise DateNotDueError(
                f"{partner.name}: {business_date} can be settled from {due.isoformat()} on "
                f"(cut-off {self.cut_off(business_date).isoformat()} plus settle_after "
                f"{partner.settle_after}); it is {now.astimezone(UTC).isoformat()}.",
                to_do="run it again then",
                partner=partner.name,
                business_date=business_date,
            )

    def _entry(self, business_date: date) -> CutOff:
        """Entry that applies to this date; dates before all entries follow the first one."""
        started = [entry for entry in self._entries if entry.from_ <= business_date]
        return started[-1] if started else self._entries[0]

    def _local_cut_off(self, business_date: date) -> datetime:
        """What the clocks show at this date's cut-off, without zone."""
        at = self._entry(business_date).at
        return datetime.combine(business_date + _DAY if at == _MIDNIGHT else business_date, at)

    def _step(self, day: date, step: timedelta) -> date:
        day += step
        while not self.is_business_date(day):
            day += step
        return day


@lru_cache
def _market(code: str) -> holidays.HolidayBase:
    """Holidays of a market; years are worked out as they are asked for."""
    import holidays  # noqa: PLC0415 - slow to import, and most partner files name no market

    return holidays.financial_holidays(code)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Instant in UTC of a local time without zone."""
    instant, other = _both_readings(local, zone)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    # Skipped: by the offsets of before and after the gap, the time lies on both sides of it.
    return _change_between(other, instant, zone)


def _both_readings(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Instants in UTC of a local time by the offsets before and after a change of the clocks."""
    before, after = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return before, after


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """First instant of the UTC offset that holds at `after` but not at `before`; whole seconds."""
    offset = after.astimezone(zone).utcoffset()
    second = timedelta(seconds=1)
    while after - before > second:
        middle = before + (after - before) // second // 2 * second
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
