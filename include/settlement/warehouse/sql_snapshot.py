"""One window's trades over any DB-API driver, frozen: exact values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from settlement.amounts import require_int
from settlement.config.fields import nearest
from settlement.config.partner_file import PartnerFile
from settlement.errors import WarehouseDataError, WarehouseError
from settlement.values import ALL_OF_TIME, Line, Window
from settlement.warehouse import cells
from settlement.warehouse.names import is_connection, wrong_names
from settlement.warehouse.reader import TradeIds, TradeRow
from settlement.warehouse.session import Row, Session
from settlement.warehouse.statements import Statements
from settlement.warehouse.trade_ids import stream_trade_ids
from settlement.wording import first_few

FINITE = {"first_instant": ALL_OF_TIME.start, "last_instant": ALL_OF_TIME.end}
"""What the queries compare moments with: infinite ones lie outside."""


class _Summary(NamedTuple):
    trade_count: int
    watermark: datetime | None
    newest_executed_at: datetime | None


class SqlSnapshot:
    """One partner's trades of one window, in one state: of the transaction, or of the copy."""

    def __init__(
        self, session: Session, statements: Statements, partner: PartnerFile, window: Window
    ) -> None:
        self._session = session
        self._statements = statements
        self._partner = partner
        self._window = window
        self._values = window_values(partner, window)

    @property
    def query_text(self) -> str:
        """The statement that computes the net positions, with named parameters."""
        return self._statements.in_full("net_positions")

    def check(self) -> None:
        """Refuse trades that are unfit to be settled.

        :raises WarehouseDataError: naming each failed check with up to five trade ids
        """
        values = {
            **self._values,
            **FINITE,
            "null_is_house": self._partner.null_is_house,
        }
        doing = self._doing("checking the trades")
        found = self._session.stream(doing, self._statements.over_trades("checks"), values)
        by_check = groupby(found, lambda row: row[0])
        failed = [_finding(name, list(examples)) for name, examples in by_check]
        failed += wrong_names(self._session, self._statements, self._partner, doing, self._values)
        if failed:
            raise WarehouseDataError(
                f"trades of {self._partner.name} in {self._window} are unfit to be settled: "
                f"{'; '.join(failed)}. Nothing is sent.",
                to_do="correct them in the warehouse, or trades.sql, then clear this task",
                partner=self._partner.name,
            )

    def trade_count(self) -> int:
        """Count the trades in the window."""
        return self._summary.trade_count

    def watermark(self) -> datetime | None:
        """Newest `recorded_at` of the window's trades; None without trades."""
        return self._summary.watermark

    def newest_executed_at(self) -> datetime | None:
        """Newest `executed_at` of the window's trades; None without trades."""
        return self._summary.newest_executed_at

    def trade_count_until(self, watermark: datetime) -> int:
        """Count the trades recorded at or before the watermark."""
        sql = self._statements.over_trades_until("summary")
        return self._summarised(sql, self._until(watermark)).trade_count

    def net_positions(self) -> Iterator[Line]:
        """Clients' net positions, sorted by connection and currency, zeros left out."""
        return self._lines(self._statements.over_trades("net_positions"), self._values)

    def net_positions_until(self, watermark: datetime) -> Iterator[Line]:
        """Net positions over the trades recorded at or before the watermark."""
        sql = self._statements.over_trades_until("net_positions")
        return self._lines(sql, self._until(watermark))

    def house_positions(self) -> dict[str, int]:
        """Compute the house's own side per currency, from a second, independent statement."""
        sql = self._statements.over_trades("house_positions")
        sums = self._session.stream(self._doing("computing the house's side"), sql, self._values)
        return {
            self._currency(currency): cells.amount(amount, "amount") for currency, amount in sums
        }

    def trades_behind(self, connection_id: str, currency: str) -> Iterator[TradeRow]:
        """Trades behind one net position, oldest first."""
        values = {**self._values, "connection_id": connection_id, "currency": currency}
        return self._trades("trades_behind", values)

    def trades_recorded_after(self, watermark: datetime) -> Iterator[TradeRow]:
        """Late trades: recorded after the watermark, in that order."""
        return self._trades("late_trades", self._until(watermark))

    def trades(self) -> Iterator[TradeRow]:
        """All trades of the window, in the order in which they were recorded."""
        return self._trades("all_trades", self._values)

    def trade_ids(self) -> Iterator[TradeIds]:
        """Ids of all trades of the window in groups, each beginning once; null ids are left out.

        :raises WarehouseDataError: for an id with a line break in it
        """
        doing = self._doing("reading the ids of the trades")
        count = self.trade_count()
        return stream_trade_ids(self._session, self._statements, doing, self._values, count)

    @cached_property
    def _summary(self) -> _Summary:
        return self._summarised(self._statements.over_trades("summary"), self._values)

    def _summarised(self, sql: str, values: Mapping[str, object]) -> _Summary:
        doing = self._doing("counting the trades")
        _, row = self._session.first_row(doing, sql, values)
        if row is None:
            raise WarehouseError(
                f"{doing}: summary.sql returned no row.", to_do="compare it with the shipped one"
            )
        return _Summary(
            require_int(row[0], "trade_count"),
            cells.instant_or_none(row[1], "recorded_at"),
            cells.instant_or_none(row[2], "executed_at"),
        )

    def _lines(self, sql: str, values: Mapping[str, object]) -> Iterator[Line]:
        doing = self._doing("computing the net positions")
        before: Line | None = None
        for connection_id, currency, amount in self._session.stream(doing, sql, values):
            line = Line(
                self._connection(connection_id),
                self._currency(currency),
                cells.amount(amount, "amount"),
            )
            if before is not None and line.key <= before.key:
                raise WarehouseError(
                    f"{doing}: {line.key} came after {before.key}.",
                    to_do="keep the GROUP BY and ORDER BY of the shipped net_positions.sql",
                )
            before = line
            yield line

    def _trades(self, query: str, values: Mapping[str, object]) -> Iterator[TradeRow]:
        sql = self._statements.over_trades(query)
        for row in self._session.stream(self._doing("reading trades"), sql, values):
            yield _trade(row)

    def _connection(self, name: object) -> str:
        """A connection as the partner knows it: whatever the checks say, no other gets further."""
        connection_id = cells.text(name, "connection_id")
        if not is_connection(connection_id):
            raise WarehouseDataError(
                f"connection {connection_id!a} is not a UUID in lower case. Nothing is sent.",
                to_do="compare the queries with the shipped ones",
                connection_ids=[connection_id],
            )
        return connection_id

    def _currency(self, name: object) -> str:
        """A currency as the partner file spells it; no other gets further either."""
        currency = cells.text(name, "currency")
        if currency not in self._partner.currencies:
            raise WarehouseDataError(
                f"currency {currency!a} is not in the partner "
                f"file{nearest(currency, self._partner.currencies)}. Nothing is sent.",
                to_do="correct it in the warehouse, or trades.sql",
                currency=currency,
            )
        return currency

    def _until(self, watermark: datetime) -> dict[str, object]:
        return {**self._values, "recorded_until": watermark}

    def _doing(self, what: str) -> str:
        return f"{what} of {self._partner.name} in {self._window}"


def _finding(name: object, rows: list[Row]) -> str:
    """Describe one failed check, from the rows (name, number found, example) of checks.sql."""
    examples = [example for _, _, example in rows]
    found = require_int(rows[0][1], "found")
    return f"{name}: trade {first_few(examples, len(rows), count=found)}"


def _trade(row: Row) -> TradeRow:
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


def window_values(partner: PartnerFile, window: Window) -> dict[str, object]:
    """What trades.sql takes."""
    return {
        "partner": partner.name,
        "window_start": window.start,
        "window_end": window.end,
    }
