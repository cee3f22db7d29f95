"""Columns of trades.sql and their values, as a driver hands them over: exact or refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from settlement.amounts import parse_base_units
from settlement.errors import WarehouseTypeError

_TIMES = ("executed_at", "recorded_at")
_CONNECTIONS = ("buyer_connection_id", "seller_connection_id")
_CURRENCIES = ("base_currency", "quote_currency")
_AMOUNTS = ("base_quantity", "quote_quantity", "buyer_fee", "seller_fee")
COLUMNS = ("trade_id", *_TIMES, *_CONNECTIONS, *_CURRENCIES, *_AMOUNTS)
OPTIONAL_COLUMNS = ("buyer_fee_currency", "seller_fee_currency", "refused_because")


def amount(value: object, column: str) -> int:
    """Read base units from the text that the queries cast every amount to.

    :raises WarehouseTypeError: for anything but a whole number in plain digits
    """
    try:
        return parse_base_units(text(value, column))
    except ValueError:
        raise WarehouseTypeError(
            f"column {column}: {value!r} is not a whole number of base units in plain digits.",
            to_do="store amounts as DECIMAL(38,0), NUMERIC or BIGINT in base units, without "
            "decimals",
        ) from None


def instant(value: object, column: str) -> datetime:
    """Require an aware timestamp; it is returned in UTC.

    :raises WarehouseTypeError: for a naive timestamp, a date, a number or a text
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    what = "has no time zone" if isinstance(value, datetime) else "is not a timestamp"
    raise WarehouseTypeError(
        f"column {column}: {value!r} ({type(value).__name__}) {what}.",
        to_do="return it from trades.sql as TIMESTAMP WITH TIME ZONE",
    )


def instant_or_none(value: object, column: str) -> datetime | None:
    """Require an aware timestamp, returned in UTC, or None."""
    return None if value is None else instant(value, column)


def identity_or_none(value: object, column: str) -> None:
    """Require what has one spelling as text: a text, a whole number, a UUID, or None.

    :raises WarehouseTypeError: for anything else, such as a float or a number with decimals
    """
    whole = isinstance(value, Decimal) and value.as_tuple().exponent == 0
    one_spelling = isinstance(value, str | int | UUID) and not isinstance(value, bool)
    if value is None or whole or one_spelling:
        return
    raise WarehouseTypeError(
        f"column {column}: {value!r} ({type(value).__name__}) is neither text nor a whole number.",
        to_do="cast it to VARCHAR in trades.sql",
    )


def text(value: object, column: str) -> str:
    """Require a text.

    :raises WarehouseTypeError: for anything else, a driver's UUID object too
    """
    if isinstance(value, str):
        return value
    raise WarehouseTypeError(
        f"column {column}: {value!r} ({type(value).__name__}) is not text.",
        to_do="cast it to VARCHAR in trades.sql",
    )


def text_or_none(value: object, column: str) -> str | None:
    """Require a text, or None."""
    return None if value is None else text(value, column)


def require_exact_types(trade: Mapping[str, object]) -> None:
    """Types of one raw trade: a column of a database has the same type in every row.

    An amount that is NaN or infinite passes: the checks name the trade.
    """
    identity_or_none(trade["trade_id"], "trade_id")
    for column in _TIMES:
        instant_or_none(trade[column], column)
    for column in _CONNECTIONS:
        if not isinstance(trade[column], UUID):
            text_or_none(trade[column], column)
    for column in (*_CURRENCIES, *OPTIONAL_COLUMNS):
        text_or_none(trade.get(column), column)
    for column in _AMOUNTS:
        value = trade[column]
        if isinstance(value, float):
            raise WarehouseTypeError(
                f"column {column}: {value!r} is a floating-point number, which cannot hold every "
                "amount.",
                to_do="store it as DECIMAL(38,0), NUMERIC or BIGINT base units; a cast in "
                "trades.sql comes too late, the digits are already lost",
            )
        if isinstance(value, Decimal) and not _has_no_decimals(value):
            raise WarehouseTypeError(
                f"column {column}: {value} has decimals, base units have none.",
                to_do="turn full units into base units as "
                "include/sql/examples/trades_from_fills.sql does; a plain cast would round",
            )


def _has_no_decimals(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, str) or exponent >= 0  # a letter for NaN and infinity
