"""Which stretches of time no business date covers, now or later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import CutOff, PartnerFile
from settlement.ledger.dates import FrozenDate
from settlement.values import ALL_OF_TIME, Window
from settlement.watch.uncovered import AHEAD, before_all, covered, gaps
from support.day import demo_partner

FRIDAY, SATURDAY, SUNDAY, MONDAY, TUESDAY = (date(2026, 3, day) for day in (6, 7, 8, 9, 10))
NOW = datetime(2026, 3, 20, tzinfo=UTC)
WEEKDAYS = (CutOff.model_validate({"at": "17:00", "calendar": "weekdays"}),)


def frozen(partner: PartnerFile, *days: date) -> dict[date, FrozenDate]:
    """These dates, each with the window that the partner file gives it."""
    calendar = BusinessCalendar(partner)
    return {day: FrozenDate("demo", day, calendar.window(day), 1) for day in days}


def stretches(partner: PartnerFile, dates: dict[date, FrozenDate]) -> list[Window]:
    """The gaps."""
    return [each.window for each in gaps(partner, dates, NOW)]


def test_a_new_ledger_covers_everything_from_the_first_date_on() -> None:
    """Whatever was traded before is before all."""
    partner = demo_partner(first_business_date=FRIDAY)
    start = BusinessCalendar(partner).window(FRIDAY).start
    assert list(covered(partner, {})) == [Window(start, ALL_OF_TIME.end)]
    assert before_all(partner, {}, NOW).window == Window(ALL_OF_TIME.start, start)
    assert stretches(partner, {}) == []


def test_dates_that_no_run_has_read_yet_cover_their_time() -> None:
    """Before, between and after those that are frozen: a backfill may still read them."""
    partner = demo_partner(first_business_date=FRIDAY)
    dates = frozen(partner, SATURDAY, MONDAY)
    assert stretches(partner, dates) == []
    first = BusinessCalendar(partner).window(FRIDAY).start
    assert before_all(partner, dates, NOW).window.end == first


def test_a_date_that_the_calendar_lost_leaves_a_gap() -> None:
    """Friday and Tuesday were frozen by weekdays; then Monday became no business date."""
    partner = demo_partner(first_business_date=FRIDAY, cut_offs=WEEKDAYS)
    dates = frozen(partner, FRIDAY, TUESDAY)
    assert stretches(partner, dates) == []
    later = demo_partner(first_business_date=TUESDAY, cut_offs=WEEKDAYS)
    gap = Window(dates[FRIDAY].window.end, dates[TUESDAY].window.start)
    assert stretches(later, dates) == [gap]
    assert str(gap) in next(gaps(later, dates, NOW)).why


def test_a_first_date_that_was_edited_forward_leaves_a_gap_behind_it() -> None:
    """Up to now at most: what is executed later than now is a stray of another kind."""
    partner = demo_partner(first_business_date=FRIDAY)
    dates = frozen(partner, FRIDAY)
    tuesday = demo_partner(first_business_date=TUESDAY)
    planned = BusinessCalendar(tuesday).window(TUESDAY).start
    assert stretches(tuesday, dates) == [Window(dates[FRIDAY].window.end, planned)]
    next_year = demo_partner(first_business_date=date(2027, 1, 4))
    assert stretches(next_year, dates) == [Window(dates[FRIDAY].window.end, NOW + AHEAD)]
    assert before_all(next_year, {}, NOW).window.end == NOW + AHEAD


def test_a_date_beside_a_frozen_one_takes_its_edge() -> None:
    """The cut-off was moved by hours: the next window begins where the last one ended."""
    partner = demo_partner(first_business_date=FRIDAY)
    dates = frozen(partner, FRIDAY)
    moved = (CutOff.model_validate({"at": "20:00", "calendar": "all-days"}),)
    later = demo_partner(first_business_date=FRIDAY, cut_offs=moved)
    assert stretches(later, dates) == []
    last = list(covered(later, dates))[-1]
    assert last.start == dates[FRIDAY].window.end
    assert last.start < BusinessCalendar(later).window(SATURDAY).start - timedelta(hours=2)
