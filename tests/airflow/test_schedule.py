"""Airflow's own timetable over changes of the clocks: each date is settled by one run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction, Timetable

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import CutOff, PartnerFile
from settlement_airflow.dag_parts import at_every_cut_off, just_before_first_cut_off
from settlement_airflow.run_date import NoBusinessDate, business_date_of
from support.day import demo_partner

YEARS = range(2024, 2030)
CLOCKS = ("00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "17:00", "23:00", "23:30")
ZONES = (
    "America/Havana",  # midnight comes twice
    "Atlantic/Azores",  # and here
    "America/New_York",
    "Europe/London",
    "Africa/Casablanca",  # four changes a year
    "Asia/Beirut",  # there is no midnight
    "America/Santiago",  # nor here; the hour before it comes twice
    "America/Nuuk",  # clocks skip the hour before midnight
    "Australia/Lord_Howe",  # half an hour
)
A_DAY = timedelta(days=1)
RUNS = 5


def changes(zone: str) -> Iterator[date]:
    """Local dates on which the clocks of a zone change."""
    day = date(YEARS.start, 1, 1)
    while day.year in YEARS:
        noons = [datetime.combine(each, time(12), ZoneInfo(zone)) for each in (day - A_DAY, day)]
        if noons[0].utcoffset() != noons[1].utcoffset():
            yield day
        day += A_DAY


def scheduled(partner: PartnerFile) -> Iterator[datetime]:
    """Logical dates of the runs that Airflow's scheduler makes, from the first one on."""
    timetable = coerce_to_core_timetable(at_every_cut_off(partner))
    assert isinstance(timetable, Timetable)
    start = pendulum.instance(just_before_first_cut_off(partner))
    last = None
    while True:
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last,
            restriction=TimeRestriction(start, None, catchup=True),
        )
        assert info is not None
        assert info.logical_date is not None
        last = info.data_interval
        yield info.logical_date


def dates_of(partner: PartnerFile) -> Iterator[date]:
    """Business dates of those runs that have one."""
    for tick in scheduled(partner):
        try:
            day = business_date_of(partner, run_type="scheduled", logical_date=tick, chosen=None)
        except NoBusinessDate:
            continue
        assert tick >= BusinessCalendar(partner).cut_off(day)
        yield day


@pytest.mark.parametrize("zone", ZONES)
def test_each_date_has_one_run_over_every_change_of_the_clocks(zone: str) -> None:
    """Whatever the cut-off, and whether the first date lies before, on or after the change."""
    for clock in CLOCKS:
        for change in changes(zone):
            for first in (change - 2 * A_DAY, change - A_DAY, change, change + A_DAY):
                partner = demo_partner(
                    timezone=zone,
                    cut_offs=(CutOff(at=time.fromisoformat(clock)),),
                    first_business_date=first,
                )
                wanted = [first + n * A_DAY for n in range(RUNS)]
                assert list(islice(dates_of(partner), RUNS)) == wanted, (clock, change)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("old", "new"), [("00:00", "01:30"), ("02:30", "17:00"), ("23:30", "02:00")]
)
def test_of_two_cut_offs_one_starts_the_run_that_settles(zone: str, old: str, new: str) -> None:
    """Both are on the schedule every day, also on the days on which the clocks change."""
    for change in changes(zone):
        for since in (change - A_DAY, change, change + A_DAY):
            first = change - 3 * A_DAY
            entries = (
                CutOff(at=time.fromisoformat(old)),
                CutOff(at=time.fromisoformat(new), from_=since),
            )
            partner = demo_partner(timezone=zone, cut_offs=entries, first_business_date=first)
            wanted = [first + n * A_DAY for n in range(2 * RUNS)]
            found = list(islice(dates_of(partner), 2 * RUNS))
            assert found == wanted, (change, since)


def test_midnight_that_comes_twice_in_havana() -> None:
    """The one that the scheduler takes is the second; the trades end at the first."""
    partner = demo_partner(
        timezone="America/Havana",
        cut_offs=(CutOff(at=time(0)),),
        first_business_date=date(2026, 10, 31),
    )
    first, second = islice(scheduled(partner), 2)
    assert first == datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert second == datetime(2026, 11, 2, 5, tzinfo=UTC)
    calendar = BusinessCalendar(partner)
    assert calendar.cut_off(date(2026, 10, 31)) == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert list(islice(dates_of(partner), 2)) == [date(2026, 10, 31), date(2026, 11, 1)]
