"""Amounts: exact integers in base units, and the texts they travel as.

Partner API, section 4: an amount is a JSON string, an integer in base units or a decimal in full
units, whichever the partner is configured for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from settlement.errors import WarehouseTypeError

_BASE_UNITS = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_SHOWN_LENGTH = 60
_FULL_UNITS = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


def parse_base_units(text: str) -> int:
    """Integer amount written in base units.

    :raises ValueError: for every spelling but the canonical one: no plus sign, no leading zeros,
        no minus zero, no exponent, no spaces
    """
    if not _BASE_UNITS.fullmatch(text):
        raise ValueError(f"{_shown(text)} is not an integer amount in base units")
    return int(text)


def to_base_units_text(amount: int) -> str:
    """Canonical text of an amount in base units, the one that `parse_base_units` accepts."""
    return str(amount)


def parse_full_units(text: str, decimals: int) -> int:
    """Read an amount written in full units; "1.5" with 8 decimals is 150000000 base units.

    :raises ValueError: for anything but plain decimal notation, and for more places than the
        currency has
    """
    match = _FULL_UNITS.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown(text)} is not a decimal amount in full units")
    sign, whole, places = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    if len(places) > decimals:
        raise ValueError(f"{_shown(text)} has more than {decimals} decimals")
    return int(sign + whole + places.ljust(decimals, "0"))


def to_full_units_text(amount: int, decimals: int) -> str:
    """Amount in full units, without trailing zeros; 150000000 with 8 decimals is "1.5"."""
    sign, whole, places = _split(amount, decimals)
    places = places.rstrip("0")
    return f"{sign}{whole}.{places}" if places else f"{sign}{whole}"


def display(amount: int, decimals: int) -> str:
    """Amount in full units for people: all decimals, and commas between thousands."""
    sign, whole, places = _split(amount, decimals)
    return f"{sign}{int(whole):,}.{places}" if places else f"{sign}{int(whole):,}"


def displayed(amount: int, currency: str, decimals: Mapping[str, int]) -> str:
    """Amount for people; in base units, and saying so, where the decimals are not known."""
    if currency in decimals:
        return display(amount, decimals[currency])
    return f"{display(amount, 0)} base units"


def require_int(value: object, what: str) -> int:
    """Integer that a database driver returned; `what` names the row and column in the error.

    :raises WarehouseTypeError: for a bool, a float, text, nothing, or a decimal with a fraction
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    raise WarehouseTypeError(
        f"{what} is {value!r} ({type(value).__name__}), not an integer in base units. "
        "Cast the column to a whole number (DECIMAL(38,0), NUMERIC, HUGEINT) in "
        "include/sql/trades.sql"
    )


def _split(amount: int, decimals: int) -> tuple[str, str, str]:
    """Sign, whole units and decimal places of an amount in base units."""
    digits = str(abs(amount)).rjust(decimals + 1, "0")
    cut = len(digits) - decimals
    return "-" if amount < 0 else "", digits[:cut], digits[cut:]


def _shown(text: str) -> str:
    """Text as it may appear in a message: escaped, and cut when it is long."""
    return ascii(text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "...")
