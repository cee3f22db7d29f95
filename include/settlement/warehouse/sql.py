"""The warehouse over any DB-API driver: SQL files in, exact values out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from settlement.config.partner_file import PartnerFile
from settlement.errors import WarehouseError
from settlement.values import ALL_OF_TIME, Window
from settlement.warehouse import cells, one_state
from settlement.warehouse.drivers import Connect, Dialect
from settlement.warehouse.parameters import Placeholder
from settlement.warehouse.session import Session, opened
from settlement.warehouse.sql_snapshot import FINITE, SqlSnapshot, window_values
from settlement.warehouse.sql_survey import SqlSurvey
from settlement.warehouse.statements import Statements

_BEFORE_ALL = Window(ALL_OF_TIME.start, ALL_OF_TIME.start + timedelta(days=1))


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
        values = window_values(partner, window)
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
        values = {**window_values(partner, ALL_OF_TIME), "recorded_until": recorded_until}
        with opened(self._connect, self._dialect, self._placeholder) as session:
            _, row = session.first_row(doing, sql, values)
        return None if row is None else cells.instant_or_none(row[0], "recorded_at")


def _require_columns(
    session: Session, statements: Statements, partner: PartnerFile, window: Window
) -> frozenset[str]:
    """Refuse a trades.sql whose columns are missing or of a type that is not exact.

    :return: the columns that it returns
    :raises WarehouseError: naming the missing columns
    :raises WarehouseTypeError: naming the column and its type
    """
    doing = f"reading one trade of {partner.name} in {window}"
    values = window_values(partner, window)
    names, _ = session.first_row(doing, statements.over_raw_trades("columns"), values)
    missing = [column for column in cells.COLUMNS if column not in names]
    if missing:
        raise WarehouseError(
            f"{doing}: trades.sql does not return {', '.join(missing)}.",
            to_do="add them, under these names",
        )
    sql = statements.over_raw_trades("first_trade")
    names, row = session.first_row(doing, sql, {**values, **FINITE})
    if row is not None:
        cells.require_exact_types(dict(zip(names, row, strict=True)))
    return frozenset(names)
