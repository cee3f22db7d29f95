"""Which business date a run settles: one table for every kind of run."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from settlement.config.partner_file import CutOff, PartnerFile
from settlement.errors import ConfigurationError
from settlement_airflow.run_date import NoBusinessDate, business_date_of
from support.day import demo_partner


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def partner_at(*cut_offs: tuple[str, str, str]) -> PartnerFile:
    """A partner in New York with these cut-offs: time, calendar, from."""
    return demo_partner(
        cut_offs=tuple(
            CutOff(at=time.fromisoformat(clock), calendar=calendar, from_=date.fromisoformat(since))
            for clock, calendar, since in cut_offs
        )
    )


FIVE = partner_at(("17:00", "all-days", "0001-01-01"))
MIDNIGHT = partner_at(("00:00", "all-days", "0001-01-01"))
EARLY = partner_at(("02:30", "all-days", "0001-01-01"))


@pytest.mark.parametrize("run_type", ["scheduled", "backfill", "asset_triggered", "manual"])
@pytest.mark.parametrize(
    ("partner", "logical_date", "settles"),
    [
        (FIVE, "2026-03-03T22:00", "2026-03-03"),
        (FIVE, "2026-06-03T21:00", "2026-06-03"),
        (FIVE, "2026-10-31T21:00", "2026-10-31"),
        (FIVE, "2026-11-01T22:00", "2026-11-01"),
        (MIDNIGHT, "2026-03-04T05:00", "2026-03-03"),
        (MIDNIGHT, "2026-03-09T04:00", "2026-03-08"),
        (EARLY, "2026-03-08T07:00", "2026-03-08"),
    ],
)
def test_the_date_is_that_of_the_last_instant_before_the_cut_off(
    partner: PartnerFile, logical_date: str, settles: str, run_type: str
) -> None:
    """A midnight cut-off names the day that ended; summer time makes no difference."""
    day = business_date_of(partner, run_type=run_type, logical_date=at(logical_date), chosen=None)
    assert day == date.fromisoformat(settles)


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered"])
@pytest.mark.parametrize("logical_date", [None, at("2026-05-01T13:37")])
def test_a_run_that_was_started_for_a_date_settles_that_date(
    logical_date: datetime | None, run_type: str
) -> None:
    """By a person's form or by a task of another DAG; whatever the logical date is, or without."""
    day = business_date_of(FIVE, run_type=run_type, logical_date=logical_date, chosen="2026-03-03")
    assert day == date(2026, 3, 3)


def test_a_manual_run_that_a_backfill_took_over_still_settles_its_date() -> None:
    """Airflow makes it a backfill run, and leaves the date in its form: cleared, it must work."""
    cut_off = at("2026-03-03T22:00")
    day = business_date_of(FIVE, run_type="backfill", logical_date=cut_off, chosen="2026-03-03")
    assert day == date(2026, 3, 3)


@pytest.mark.parametrize(
    ("run_type", "chosen", "says"),
    [
        ("scheduled", "2026-03-03", "must be empty"),
        ("backfill", "2026-03-03", "must be empty"),
        ("asset_triggered", "2026-03-03", "must be empty"),
        ("manual", None, "names no business date"),
        ("asset_triggered", None, "names no business date"),
        ("manual", "03/03/2026", "is not a date"),
        ("manual", "", "is not a date"),
    ],
)
def test_a_run_that_names_no_date_or_two_is_refused(
    run_type: str, chosen: str | None, says: str
) -> None:
    """No guessing: the error says how to start the run instead."""
    with pytest.raises(ConfigurationError, match=says):
        business_date_of(FIVE, run_type=run_type, logical_date=None, chosen=chosen)


def test_a_logical_date_that_is_no_cut_off_is_refused_by_name() -> None:
    """Midnight of the 29th may be meant for either day; with a date in the form it is clear."""
    midnight = at("2026-11-29T00:00")
    with pytest.raises(ConfigurationError, match=r"2026-11-29T00:00:00.* no cut-off of demo"):
        business_date_of(FIVE, run_type="manual", logical_date=midnight, chosen=None)
    day = business_date_of(FIVE, run_type="manual", logical_date=midnight, chosen="2026-11-29")
    assert day == date(2026, 11, 29)


@pytest.mark.parametrize("run_type", ["scheduled", "manual"])
def test_no_business_date_says_why(run_type: str) -> None:
    """A Saturday of a partner that settles on weekdays belongs to Monday."""
    weekdays = partner_at(("17:00", "weekdays", "0001-01-01"))
    with pytest.raises(NoBusinessDate, match=r"2026-03-07 .* belong to 2026-03-09"):
        business_date_of(
            weekdays, run_type=run_type, logical_date=at("2026-03-07T22:00"), chosen=None
        )


def test_of_two_cut_offs_each_date_has_one_run() -> None:
    """Both clock times tick every day after an edit; only the one that applies settles."""
    moved = partner_at(("17:00", "all-days", "0001-01-01"), ("16:00", "all-days", "2026-07-01"))
    ticks = {
        "2026-06-30T20:00": None,
        "2026-06-30T21:00": date(2026, 6, 30),
        "2026-07-01T20:00": date(2026, 7, 1),
        "2026-07-01T21:00": None,
    }
    for tick, settles in ticks.items():
        if settles is None:
            with pytest.raises(NoBusinessDate, match="not the cut-off that applies"):
                business_date_of(moved, run_type="scheduled", logical_date=at(tick), chosen=None)
        else:
            day = business_date_of(moved, run_type="scheduled", logical_date=at(tick), chosen=None)
            assert day == settles
