"""Windows cover time once, through weekends, holidays, clock changes and edited cut-offs."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import CutOff, PartnerFile
from settlement.errors import DateNotDueError, WindowConflictError

ZONES = [
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",  # winter time is the exception there, not summer time
    "Africa/Casablanca",  # changes around Ramadan
    "Asia/Beirut",  # clocks skip the hour after midnight
    "America/Santiago",  # so do these, in the other hemisphere
    "America/Havana",  # and go back over it
    "Atlantic/Azores",  # so do these
    "America/Nuuk",  # clocks skip the hour before midnight
    "Australia/Lord_Howe",  # half an hour only
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Etc/UTC",
]


def calendar(
    zone="America/New_York", *cut_offs: CutOff, at="17:00", name="all-days"
) -> BusinessCalendar:
    """Calendar of a partner with one cut-off, or with the given entries."""
    return BusinessCalendar(
        PartnerFile(
            name="acme",
            enterprise_id="ent1",
            timezone=zone,
            cut_offs=cut_offs or (CutOff(at=time.fromisoformat(at), calendar=name),),
            first_business_date=date(2026, 3, 2),
            currencies={"BTC": 8},
        )
    )


def utc(text: str) -> datetime:
    """Instant of a short text in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(day: date, of: BusinessCalendar) -> float:
    """Length of a date's window in hours."""
    window = of.window(day)
    return (window.end - window.start) / timedelta(hours=1)


def test_a_window_runs_from_cut_off_to_cut_off():
    """17:00 in New York is 22:00 UTC in winter."""
    window = calendar().window(date(2026, 3, 3))
    assert (window.start, window.end) == (utc("2026-03-02 22:00"), utc("2026-03-03 22:00"))
    assert window.start.tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "spring", "autumn"),
    [
        ("America/New_York", date(2026, 3, 8), date(2026, 11, 1)),
        ("Europe/London", date(2026, 3, 29), date(2026, 10, 25)),
    ],
)
def test_clock_changes_shorten_and_lengthen_one_window(zone, spring, autumn):
    """The window of the day the clocks change has 23 or 25 hours, its neighbours 24."""
    local = calendar(zone)
    for change, length in ((spring, 23), (autumn, 25)):
        assert hours(change - timedelta(days=1), local) == 24
        assert hours(change, local) == length
        assert hours(change + timedelta(days=1), local) == 24


@pytest.mark.parametrize(
    ("zone", "at", "day", "expected"),
    [
        # 02:00 to 03:00 is skipped in New York, 01:00 to 02:00 in London
        ("America/New_York", "02:30", date(2026, 3, 8), "2026-03-08 07:00"),
        ("America/New_York", "02:00", date(2026, 3, 8), "2026-03-08 07:00"),
        ("America/New_York", "03:00", date(2026, 3, 8), "2026-03-08 07:00"),
        ("America/New_York", "01:59", date(2026, 3, 8), "2026-03-08 06:59"),
        ("Europe/London", "01:30", date(2026, 3, 29), "2026-03-29 01:00"),
        # 01:00 to 02:00 happens twice in both
        ("America/New_York", "01:30", date(2026, 11, 1), "2026-11-01 05:30"),
        ("America/New_York", "02:00", date(2026, 11, 1), "2026-11-01 07:00"),
        ("Europe/London", "01:30", date(2026, 10, 25), "2026-10-25 00:30"),
        # half an hour in Lord Howe: 02:00 to 02:30
        ("Australia/Lord_Howe", "02:15", date(2026, 10, 4), "2026-10-03 15:30"),
        # Beirut skips 00:00 to 01:00 of 29 March: midnight ends the 28th, 00:30 ends the 29th
        ("Asia/Beirut", "00:00", date(2026, 3, 28), "2026-03-28 22:00"),
        ("Asia/Beirut", "00:30", date(2026, 3, 29), "2026-03-28 22:00"),
    ],
)
def test_a_cut_off_inside_a_clock_change(zone, at, day, expected):
    """A skipped time is the first instant after the gap, a repeated one the earlier."""
    local = calendar(zone, at=at)
    assert local.cut_off(day) == utc(expected)
    assert local.date_of_cut_off(local.cut_off(day)) == day


@pytest.mark.parametrize(
    ("zone", "at", "day", "expected"),
    [
        # midnight at the end of 31 October comes twice in Havana, an hour apart
        ("America/Havana", "00:00", date(2026, 10, 31), "2026-11-01 05:00"),
        ("Atlantic/Azores", "00:00", date(2026, 10, 24), "2026-10-25 01:00"),
        ("America/New_York", "01:30", date(2026, 11, 1), "2026-11-01 06:30"),
        # skipped: as much later; in Nuuk that is on the next date
        ("America/New_York", "02:30", date(2026, 3, 8), "2026-03-08 07:30"),
        ("America/Nuuk", "23:30", date(2026, 3, 28), "2026-03-29 01:30"),
        ("America/New_York", "17:00", date(2026, 3, 8), "2026-03-08 21:00"),
    ],
)
def test_a_run_that_the_scheduler_starts_later_still_has_its_date(zone, at, day, expected):
    """It reads a repeated time as the later one, and a skipped one as that much later."""
    local = calendar(zone, at=at)
    assert local.scheduled_at(day) == utc(expected)
    assert local.date_of_cut_off(local.scheduled_at(day)) == day
    assert local.is_a_cut_off(local.scheduled_at(day))
    assert not local.is_a_cut_off(local.scheduled_at(day) + timedelta(minutes=1))


def test_a_midnight_cut_off_names_the_day_that_ended():
    """The run at 00:00 on the 3rd settles the 2nd."""
    midnight = calendar("Europe/London", at="00:00")
    assert midnight.cut_off(date(2026, 3, 2)) == utc("2026-03-03 00:00")
    assert midnight.date_of_cut_off(utc("2026-03-03 00:00")) == date(2026, 3, 2)
    assert midnight.window(date(2026, 3, 2)).start == utc("2026-03-02 00:00")


def test_a_run_between_cut_offs_has_the_local_date():
    """Evening in New York is the next day in UTC, but not for the business date."""
    assert calendar().date_of_cut_off(utc("2026-03-03 03:00")) == date(2026, 3, 2)
    tokyo = datetime(2026, 3, 3, 7, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert calendar().date_of_cut_off(tokyo) == date(2026, 3, 2)


def test_weekdays_leave_the_weekend_to_monday():
    """Friday 17:00 to Monday 17:00 is one window."""
    weekdays = calendar(name="weekdays")
    friday, saturday, sunday, monday = (date(2026, 3, day) for day in (6, 7, 8, 9))
    assert [weekdays.is_business_date(day) for day in (friday, saturday, sunday, monday)] == [
        True, False, False, True,
    ]  # fmt: skip
    assert weekdays.previous(monday) == friday
    assert weekdays.following(friday) == monday
    assert weekdays.window(monday).start == weekdays.cut_off(friday)
    assert hours(monday, weekdays) == 71  # the clocks changed on Sunday


@pytest.mark.parametrize(
    ("holiday", "before", "after"),
    [
        (date(2026, 4, 3), date(2026, 4, 2), date(2026, 4, 6)),  # Good Friday
        (date(2026, 7, 3), date(2026, 7, 2), date(2026, 7, 6)),  # Independence Day, observed
        (date(2026, 11, 26), date(2026, 11, 25), date(2026, 11, 27)),  # Thanksgiving
        (date(2026, 12, 25), date(2026, 12, 24), date(2026, 12, 28)),
        (date(2027, 1, 1), date(2026, 12, 31), date(2027, 1, 4)),
    ],
)
def test_the_day_after_an_exchange_holiday_covers_it(holiday, before, after):
    """No trade of a holiday is lost: the next business date's window holds it."""
    nyse = calendar(name="NYSE")
    assert not nyse.is_business_date(holiday)
    assert (nyse.previous(after), nyse.following(before)) == (before, after)
    noon = datetime.combine(holiday, time(12), ZoneInfo("America/New_York"))
    assert nyse.window(after).start == nyse.cut_off(before)
    assert nyse.window(after).start <= noon < nyse.window(after).end


def test_days_with_an_early_close_are_business_dates():
    """The Friday after Thanksgiving is short, but a day."""
    assert calendar(name="NYSE").is_business_date(date(2026, 11, 27))


def test_the_weekend_is_the_markets_own():
    """Riyadh trades on Sundays and rests on Fridays."""
    riyadh = calendar("Asia/Riyadh", name="XSAU")
    assert riyadh.is_business_date(date(2026, 3, 1))
    assert not riyadh.is_business_date(date(2026, 3, 6))


EDITED = (
    CutOff(at=time(17)),
    CutOff(at=time(9), calendar="weekdays", from_=date(2026, 7, 6)),
)


def test_an_edited_cut_off_starts_at_its_date():
    """From 6 July at 9:00 on weekdays; the window in between is just shorter."""
    edited = calendar("Etc/UTC", *EDITED)
    assert edited.cut_off(date(2026, 7, 5)) == utc("2026-07-05 17:00")
    assert edited.cut_off(date(2026, 7, 6)) == utc("2026-07-06 09:00")
    assert hours(date(2026, 7, 6), edited) == 16
    assert edited.is_business_date(date(2026, 7, 4))
    assert not edited.is_business_date(date(2026, 7, 11))
    assert edited.previous(date(2026, 7, 6)) == date(2026, 7, 5)
    assert edited.following(date(2026, 7, 10)) == date(2026, 7, 13)


def test_entries_may_be_written_in_any_order():
    """The latest `from` not after the date counts, not the position in the file."""
    assert calendar("Etc/UTC", *reversed(EDITED)).cut_off(date(2026, 7, 6)) == utc(
        "2026-07-06 09:00"
    )


def test_dates_before_all_entries_follow_the_first():
    """The first business date needs the cut-off of the day before it."""
    late = calendar("Etc/UTC", CutOff(at=time(17), from_=date(2026, 3, 2)))
    assert late.window(date(2026, 3, 2)).start == utc("2026-03-01 17:00")


def test_an_edit_that_leaves_an_empty_window_is_refused():
    """Where midnight does not exist, two cut-offs around it can be one instant."""
    beirut = calendar(
        "Asia/Beirut", CutOff(at=time(0)), CutOff(at=time(0, 30), from_=date(2026, 3, 29))
    )
    with pytest.raises(WindowConflictError, match=r"2026-03-29 would be empty.*acme\.toml"):
        beirut.window(date(2026, 3, 29))
    assert beirut.date_of_cut_off(beirut.cut_off(date(2026, 3, 29))) == date(2026, 3, 28)


@given(
    st.sampled_from(ZONES),
    st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(["all-days", "weekdays", "NYSE", "XSAU"]),
    st.dates(date(2020, 1, 1), date(2036, 12, 31)),
)
def test_windows_touch_and_cover_time_once(zone, at, name, day):
    """For any zone, cut-off and calendar: neighbours touch, and a cut-off knows its date."""
    local = calendar(zone, at=at.isoformat("minutes"), name=name)
    first = local.following(day)
    second = local.following(first)
    assert local.previous(second) == first
    assert local.window(first).end == local.window(second).start == local.cut_off(first)
    assert local.window(second).end > local.window(second).start
    assert local.date_of_cut_off(local.cut_off(first)) == first
    assert local.date_of_cut_off(local.cut_off(day)) == day
    assert local.cut_off(day) <= local.scheduled_at(day) < local.cut_off(day + timedelta(days=1))
    assert local.date_of_cut_off(local.scheduled_at(day)) == day


@given(st.dates(date(2026, 6, 25), date(2026, 7, 20)))
def test_windows_touch_over_an_edit_too(day):
    """An edited cut-off and calendar leave no gap and no overlap."""
    edited = calendar("America/New_York", *EDITED)
    first = edited.following(day)
    second = edited.following(first)
    assert edited.window(first).end == edited.window(second).start
    assert edited.date_of_cut_off(edited.cut_off(first)) == first


def test_a_date_is_due_after_its_cut_off_and_the_wait():
    """15 minutes after 17:00 in New York, not a microsecond earlier."""
    local, day = calendar(), date(2026, 3, 2)
    due = local.due_at(day)
    assert due == utc("2026-03-02 22:15")
    local.require_due(day, due)
    with pytest.raises(DateNotDueError, match=r"from 2026-03-02T22:15:00\+00:00 on"):
        local.require_due(day, due - timedelta(microseconds=1))


def test_dates_that_can_never_be_settled_say_why():
    """Before the first business date, and on days that are none."""
    later = utc("2027-01-01 00:00")
    with pytest.raises(DateNotDueError, match="before first_business_date 2026-03-02"):
        calendar().require_due(date(2026, 3, 1), later)
    with pytest.raises(
        DateNotDueError, match=r"not a business date of calendar 'NYSE'.*2026-04-06"
    ):
        calendar(name="NYSE").require_due(date(2026, 4, 3), later)
