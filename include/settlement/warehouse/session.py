"""One connection, in its snapshot transaction where it has one: rows are streamed in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from settlement.errors import WarehouseError
from settlement.warehouse.drivers import (
    Connect,
    DbApiConnection,
    DbApiCursor,
    Dialect,
    begin_snapshot,
    close_cursor,
    limit_memory,
    open_cursor,
    our_errors,
)
from settlement.warehouse.parameters import Placeholder, bind

ROWS_PER_FETCH = 5_000

Row = tuple[object, ...]


class Session:
    """Runs statements with named parameters over one connection."""

    def __init__(
        self, connection: DbApiConnection, dialect: Dialect, placeholder: Placeholder
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._placeholder = placeholder
        self._statements = 0
        self._open: DbApiCursor | None = None

    def stream(
        self, doing: str, sql: str, values: Mapping[str, object], rows_at_once: int | None = None
    ) -> Iterator[Row]:
        """Run a statement and fetch its rows in parts, never held whole.

        :param rows_at_once: fewer than usual, where rows are large
        :raises WarehouseError: if an earlier stream is read on after this one was started: DuckDB
            would go on with the rows of the wrong statement
        """
        cursor = self._executed(doing, sql, values)
        return self._rows(doing, cursor, self._statements, rows_at_once or ROWS_PER_FETCH)

    def run(self, doing: str, sql: str, values: Mapping[str, object]) -> None:
        """Run a statement that returns no rows."""
        self._executed(doing, sql, values)

    def first_row(
        self, doing: str, sql: str, values: Mapping[str, object]
    ) -> tuple[list[str], Row | None]:
        """Column names and first row of a statement."""
        cursor = self._executed(doing, sql, values)
        with our_errors(doing):
            rows = cursor.fetchmany(1)
            # Snowflake answers in capitals
            names = [column[0].lower() for column in cursor.description or ()]
        return names, rows[0] if rows else None

    def close(self) -> None:
        """Give up what is left of the last result."""
        if self._open is not None:
            close_cursor(self._open, self._dialect)
            self._open = None

    def _executed(self, doing: str, sql: str, values: Mapping[str, object]) -> DbApiCursor:
        text, parameters = bind(sql, values, self._placeholder)
        self._statements += 1
        with our_errors(doing):
            self.close()
            cursor = open_cursor(self._connection, self._dialect, f"stream_{self._statements}")
            self._open = cursor
            cursor.execute(text, parameters)
        return cursor

    def _rows(
        self, doing: str, cursor: DbApiCursor, statement: int, rows_at_once: int
    ) -> Iterator[Row]:
        while True:
            if statement != self._statements:
                raise WarehouseError(
                    f"{doing}: another statement was started before all rows were read.",
                    to_do="report this; a snapshot answers one question at a time",
                )
            with our_errors(doing):
                rows = cursor.fetchmany(rows_at_once)
            if not rows:
                return
            yield from rows


@contextmanager
def opened(connect: Connect, dialect: Dialect, placeholder: Placeholder) -> Iterator[Session]:
    """Open a session, begun as `begin_snapshot` does; the connection is closed at the end.

    :raises WarehouseBusyError: if the warehouse is locked or cannot be reached
    :raises WarehouseError: if it cannot be opened, such as a file that does not exist
    """
    with our_errors("opening the warehouse"):
        connection = connect()
    with TemporaryDirectory(prefix="warehouse") as spilled:
        try:
            with our_errors("starting the snapshot"):
                limit_memory(connection, dialect, spilled)
                begin_snapshot(connection, dialect)
            session = Session(connection, dialect, placeholder)
            yield session
            session.close()
        finally:
            connection.close()
