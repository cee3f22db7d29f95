"""The warehouse over any DB-API driver: SQL files in, exact values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from settlement.amounts import require_int
from settlement.config.fields import nearest
from settlement.config.partner_file import PartnerFile
from settlement.errors import WarehouseDataError, WarehouseError
from settlement.values import Line, Window
from settlement.warehouse import cells, one_state, rows
from settlement.warehouse.drivers import Connect, Dialect
from settlement.warehouse.names import is_connection, wrong_names
from settlement.warehouse.parameters import Placeholder
from settlement.warehouse.reader import TradeIds, TradeRow
from settlement.warehouse.session import Session, opened
from settlement.warehouse.sql_survey import SqlSurvey
from settlement.warehouse.statements import Statements
from settlement.warehouse.trade_ids import stream_trade_ids

# years of four digits: not every driver writes the zeros before others
_ALL_OF_TIME = Window(datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
_BEFORE_ALL = Window(_ALL_OF_TIME.start, _ALL_OF_TIME.start + timedelta(days=1))
_FINITE = {"first_instant": _ALL_OF_TIME.start, "last_instant": _ALL_OF_TIME.end}


class _Summary(NamedTuple):
    trade_count: int
    watermark: datetime | None
    newest_executed_at: datetime | None


class SqlWarehouse:
    """Reads trades with the queries of a SQL folder.

    :param connect: opens a new connection of the driver; it is closed after use
    :param dialect: how a snapshot is started and read. On Snowflake, and where DuckDB reads files
        or other databases, the trades are copied by one statement and everything is read from the
        copy: `connect` must open connections that keep temporary tables
    :param placeholder: how the driver marks bound values
    :param sql_folder: trades.sql and the queries over it
    """

    def __init__(
        self, connect: Connect, dialect: Dialect, placeholder: Placeholder, sql_folder: Path
    ) -> None:
        self._connect = connect
        self._dialect = dialect
        self._placeholder = placeholder
        self._statements = Statements(sql_folder, dialect)

    @contextmanager
    def snapshot(self, partner: PartnerFile, window: Window) -> Iterator[SqlSnapshot]:
        """Freeze the partner's trades of the window for as long as the context is open.

        :raises WarehouseBusyError: if the warehouse is locked or cannot be reached
        :raises WarehouseError: if trades.sql does not fit the warehouse
        :raises WarehouseTypeError: if a column has a type that is not exact
        """
        with opened(self._connect, self._dialect, self._placeholder) as session:
            statements = self._frozen(session, partner, window)
            columns = _require_columns(session, statements, partner, window)
            yield SqlSnapshot(session, statements.over_columns(columns), partner, window)

    def _frozen(self, session: Session, partner: PartnerFile, window: Window) -> Statements:
        """The statements that all read the same rows, which are copied first where need be."""
        values = _window_values(partner, window)
        doing = f"looking at the trades of {partner.name} in {window}"
        if one_state.is_promised(session, self._dialect, self._statements, doing, values):
            return self._statements
        doing = f"copying the trades of {partner.name} in {window}"
        session.run(doing, self._statements.copy_of_trades(), values)
        return self._statements.over_copy()

    @contextmanager
    def survey(self, partner: PartnerFile) -> Iterator[SqlSurvey]:
        """Ask about many windows of the partner for as long as the context is open."""
        with opened(self._connect, self._dialect, self._placeholder) as session:
            columns = _require_columns(session, self._statements, partner, _BEFORE_ALL)
            yield SqlSurvey(session, self._statements.over_columns(columns), partner)

    def loaded_until(self, partner: PartnerFile, recorded_until: datetime) -> datetime | None:
        """Newest `recorded_at` up to that moment over all the partner's trades; None: no trade."""
        doing = f"asking how far the trades of {partner.name} are loaded"
        sql = self._statements.over_raw_trades("loaded_until")
        values = {**_window_values(partner, _ALL_OF_TIME), "recorded_until": recorded_until}
        with opened(self._connect, self._dialect, self._placeholder) as session:
            _, row = session.first_row(doing, sql, values)
        return None if row is None else cells.instant_or_none(row[0], "recorded_at")


class SqlSnapshot:
    """One partner's trades of one window, inside one snapshot transaction."""

    def __init__(
        self, session: Session, statements: Statements, partner: PartnerFile, window: Window
    ) -> None:
        self._session = session
        self._statements = statements
        self._partner = partner
        self._window = window
        self._values = _window_values(partner, window)

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
            **_FINITE,
            "null_is_house": self._partner.null_is_house,
        }
        doing = self._doing("checking the trades")
        found = self._session.stream(doing, self._statements.over_trades("checks"), values)
        by_check = groupby(found, lambda row: row[0])
        failed = [rows.finding(name, list(examples)) for name, examples in by_check]
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
            yield rows.trade(row)

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


def _require_columns(
    session: Session, statements: Statements, partner: PartnerFile, window: Window
) -> frozenset[str]:
    """Refuse a trades.sql whose columns are missing or of a type that is not exact.

    :return: the columns that it returns
    :raises WarehouseError: naming the missing columns
    :raises WarehouseTypeError: naming the column and its type
    """
    doing = f"reading one trade of {partner.name} in {window}"
    values = _window_values(partner, window)
    names, _ = session.first_row(doing, statements.over_raw_trades("columns"), values)
    missing = [column for column in rows.COLUMNS if column not in names]
    if missing:
        raise WarehouseError(
            f"{doing}: trades.sql does not return {', '.join(missing)}.",
            to_do="add them, under these names",
        )
    sql = statements.over_raw_trades("first_trade")
    names, row = session.first_row(doing, sql, {**values, **_FINITE})
    if row is not None:
        rows.require_exact_types(dict(zip(names, row, strict=True)))
    return frozenset(names)


def _window_values(partner: PartnerFile, window: Window) -> dict[str, object]:
    return {
        "partner": partner.name,
        "window_start": window.start,
        "window_end": window.end,
    }
