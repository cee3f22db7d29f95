"""Amounts as text and as exact integers in base units (partner API, section 4)."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator

Unit: TypeAlias = Literal["base_units", "full_units"]

_INTEGER = re.compile(r"-?[1-9][0-9]*|0")
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")


def parse_amount(text: str, unit: Unit, decimals: int) -> int:
    """Return base units of an amount as a partner spells it.

    Raises:
        ValueError: spelled differently from the partner's unit, with a leading plus or zero, as
            minus zero, with an exponent, or finer than one base unit.

    """
    if unit == "base_units":
        if not _INTEGER.fullmatch(text):
            raise ValueError(f"'{text}' is not an integer in base units")
        return int(text)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a decimal amount in full units")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > decimals:
        raise ValueError(f"'{text}' has more than {decimals} decimals")
    amount = int(whole + fraction.ljust(decimals, "0"))
    if sign and amount == 0:
        raise ValueError(f"'{text}' is minus zero")
    return -amount if sign else amount


def amount_text(amount: int, unit: Unit, decimals: int) -> str:
    """Return an amount as the API shows it to a partner of this unit."""
    if unit == "base_units" or decimals == 0:
        return str(amount)
    digits = str(abs(amount)).rjust(decimals + 1, "0")
    whole, fraction = digits[:-decimals], digits[-decimals:].rstrip("0")
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _exact(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise ValueError("an amount is an integer in base units, or such an integer as text")


BaseUnits = Annotated[int, BeforeValidator(_exact)]
"""A pydantic field for an exact amount: int or canonical text, never a float."""
