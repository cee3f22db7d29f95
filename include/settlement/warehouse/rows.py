"""Rows of the queries, made into what the rest of the code works with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from settlement.amounts import require_int
from settlement.errors import WarehouseTypeError
from settlement.warehouse import cells
from settlement.warehouse.reader import TradeRow
from settlement.warehouse.session import Row
from settlement.wording import first_few

_TIMES = ("executed_at", "recorded_at")
_CONNECTIONS = ("buyer_connection_id", "seller_connection_id")
_CURRENCIES = ("base_currency", "quote_currency")
_AMOUNTS = ("base_quantity", "quote_quantity", "buyer_fee", "seller_fee")
COLUMNS = ("trade_id", *_TIMES, *_CONNECTIONS, *_CURRENCIES, *_AMOUNTS)
OPTIONAL_COLUMNS = ("buyer_fee_currency", "seller_fee_currency", "refused_because")


def require_exact_types(trade: Mapping[str, object]) -> None:
    """Types of one raw trade: a column of a database has the same type in every row.

    An amount that is NaN or infinite passes: the checks name the trade.
    """
    cells.identity_or_none(trade["trade_id"], "trade_id")
    for column in _TIMES:
        cells.instant_or_none(trade[column], column)
    for column in _CONNECTIONS:
        if not isinstance(trade[column], UUID):
            cells.text_or_none(trade[column], column)
    for column in (*_CURRENCIES, *OPTIONAL_COLUMNS):
        cells.text_or_none(trade.get(column), column)
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


def finding(name: object, rows: list[Row]) -> str:
    """Describe one failed check, from the rows (name, number found, example) of checks.sql."""
    examples = [example for _, _, example in rows]
    found = require_int(rows[0][1], "found")
    return f"{name}: trade {first_few(examples, len(rows), count=found)}"


def trade(row: Row) -> TradeRow:
    """Make one trade of a row of trades_behind.sql, late_trades.sql or all_trades.sql."""
    return TradeRow(
        trade_id=cells.text(row[0], "trade_id"),
        executed_at=cells.instant(row[1], "executed_at"),
        recorded_at=cells.instant(row[2], "recorded_at"),
        buyer_connection_id=cells.text_or_none(row[3], "buyer_connection_id"),
        seller_connection_id=cells.text_or_none(row[4], "seller_connection_id"),
        base_currency=cells.text(row[5], "base_currency"),
        quote_currency=cells.text(row[6], "quote_currency"),
        base_quantity=cells.amount(row[7], "base_quantity"),
        quote_quantity=cells.amount(row[8], "quote_quantity"),
        buyer_fee=cells.amount(row[9], "buyer_fee"),
        seller_fee=cells.amount(row[10], "seller_fee"),
        buyer_fee_currency=cells.text(row[11], "buyer_fee_currency"),
        seller_fee_currency=cells.text(row[12], "seller_fee_currency"),
    )
