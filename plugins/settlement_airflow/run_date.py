"""Which business date a DAG run settles: one pure function for every kind of run."""

from __future__ import annotations

from datetime import date, datetime

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError

MANUAL = "manual"
STARTED_FOR_A_DATE = frozenset({MANUAL, "operator_triggered"})
"""Kinds of runs that may name their date: by a person, or by a task of another DAG."""


class NoBusinessDate(Exception):  # noqa: N818 - not an error: the run has nothing to do
    """The run falls on no business date of the partner; the text says why."""


def business_date_of(
    partner: PartnerFile, *, run_type: str, logical_date: datetime | None, chosen: str | None
) -> date:
    """Business date of a run: the date that ends at its cut-off.

    :param logical_date: instant of the cut-off that the run was started for
    :param chosen: the date from the form of a manual run, or from the task that started the run;
        other runs must not have one, but for that of their cut-off: a backfill takes a manual run
        over that has the same logical date, with its form
    :raises NoBusinessDate: if the calendar has no business date for the run
    :raises ConfigurationError: if the run names no date, or names one where it must not
    """
    calendar = BusinessCalendar(partner)
    by_cut_off = calendar.date_of_cut_off(logical_date) if logical_date is not None else None
    if run_type not in STARTED_FOR_A_DATE and chosen not in (None, str(by_cut_off)):
        raise ConfigurationError(
            f"a {run_type} run settles the date of its cut-off: business_date must be empty, not "
            f"{chosen!r}. Trigger a manual run for that date instead"
        )
    if chosen is not None:
        day = parse_date(chosen)
    elif by_cut_off is not None and logical_date is not None:
        day = by_cut_off
        if run_type in STARTED_FOR_A_DATE:
            _require_a_cut_off(calendar, partner, day, logical_date)
    else:
        raise ConfigurationError(
            f"this {run_type} run has no logical date and names no business date.",
            to_do="trigger it again with business_date",
        )
    if not calendar.is_business_date(day):
        raise NoBusinessDate(
            f"{day} is not a business date of {partner.name}: its trades belong to "
            f"{calendar.following(day)}"
        )
    if run_type not in STARTED_FOR_A_DATE and logical_date is not None:
        _require_its_own_cut_off(calendar, day, logical_date)
    return day


def parse_date(chosen: str) -> date:
    """The date that a form holds.

    :raises ConfigurationError: if it is not one
    """
    try:
        return date.fromisoformat(chosen)
    except ValueError:
        raise ConfigurationError(
            f"business_date {chosen!r} is not a date: write it like 2026-03-02"
        ) from None


def _require_a_cut_off(
    calendar: BusinessCalendar, partner: PartnerFile, day: date, given: datetime
) -> None:
    """A person who gives midnight of the 29th may mean the 28th or the 29th: nobody guesses."""
    if given not in {calendar.cut_off(day), calendar.scheduled_at(day)}:
        raise ConfigurationError(
            f"the logical date {given.isoformat()} of this run is no cut-off of {partner.name} "
            f"(that of {day} is {calendar.cut_off(day).isoformat()}), and the run names no "
            "business date.",
            to_do="trigger it again with business_date",
            partner=partner.name,
            business_date=day,
        )


def _require_its_own_cut_off(calendar: BusinessCalendar, day: date, tick: datetime) -> None:
    """Of several cut-offs in the partner file, only the one that applies to the date counts."""
    own = {calendar.cut_off(day), calendar.scheduled_at(day)}
    if tick not in own and calendar.is_a_cut_off(tick):
        raise NoBusinessDate(
            f"{tick.isoformat()} is not the cut-off that applies to {day}: that is "
            f"{calendar.cut_off(day).isoformat()}"
        )
