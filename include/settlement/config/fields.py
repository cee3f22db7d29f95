"""How single values of a partner file are read: time zones, calendars, clock times, durations."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

PLAIN_CALENDARS = ("all-days", "weekdays")

_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,5})([smhd])", re.ASCII)
_FOR_EVER = "for-ever"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def nearest(word: str, known: Iterable[str]) -> str:
    """Text ' (did you mean ...?)' naming the known word nearest to `word`, or nothing."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.6)
    return f" (did you mean {by_fold[matches[0]]!r}?)" if matches else ""


def known_timezone(name: str) -> str:
    """Name of an IANA time zone, as given.

    :raises ValueError: if there is no such zone
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        raise ValueError(
            f"{name!r} is not an IANA time zone{nearest(name, available_timezones())}"
        ) from None
    return name


@lru_cache(maxsize=1)
def market_calendars() -> tuple[str, ...]:
    """Codes of the financial markets whose holidays the `holidays` package knows, sorted."""
    # Slow to import, and most partner files name no market. holidays.list_supported_financial()
    # would even import every one of them: half a second per DAG parse.
    from holidays.registry import EntityLoader  # noqa: PLC0415

    return tuple(sorted(EntityLoader.get_financial_codes(include_aliases=True)))


def known_calendar(name: str) -> str:
    """Name of a calendar of business dates, as given.

    :raises ValueError: if it is neither a plain calendar nor a market; the text lists them all
    """
    if name in PLAIN_CALENDARS:
        return name
    if name not in market_calendars():
        valid = (*PLAIN_CALENDARS, *market_calendars())
        raise ValueError(
            f"{name!r} is not a calendar{nearest(name, valid)}; valid are {', '.join(valid)}"
        )
    return name


def clock_time(value: object) -> object:
    """Local time of day of a text like "17:00"; other types pass through to the type check.

    :raises ValueError: if the text is not hours and minutes, or a time has seconds
    """
    if isinstance(value, str):
        match = _CLOCK_TIME.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is not a time of day from 00:00 to 23:59")
        return time(int(match.group(1)), int(match.group(2)))
    if isinstance(value, time) and value != time(value.hour, value.minute):
        # The scheduler starts runs at whole minutes of the local clock.
        raise ValueError(f"{value.isoformat()} must be a whole minute without a UTC offset")
    return value


def duration(value: object) -> object:
    """Duration of a text like "15m"; other types pass through to the type check.

    :raises ValueError: if the text is not a whole number with the unit s, m, h or d
    """
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a whole number followed by s, m, h or d")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def duration_or_for_ever(value: object) -> object:
    """Duration of a text like "400d", None of "for-ever"; other types pass to the type check.

    :raises ValueError: if the text is neither
    """
    if value == _FOR_EVER:
        return None
    try:
        return duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, nor {_FOR_EVER!r}") from None
