"""What differs between the databases: how a snapshot is started, cursors, errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeAlias

from settlement.errors import WarehouseBusyError, WarehouseError

Dialect: TypeAlias = Literal["duckdb", "postgres", "snowflake"]

DUCKDB_MEMORY = "1GB"


class DbApiConnection(Protocol):
    """A connection of a DB-API driver (PEP 249)."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Open a cursor; on PostgreSQL a named one stays on the server."""
        ...

    def close(self) -> None:
        """End the transaction and the connection."""
        ...


class DbApiCursor(Protocol):
    """A cursor of a DB-API driver, as far as it is used here."""

    @property
    def description(self) -> Sequence[Any] | None:
        """Columns of the result, names first."""
        ...

    def execute(self, operation: str, parameters: Sequence[object], /) -> object:
        """Run one statement."""
        ...

    def fetchmany(self, size: int, /) -> list[tuple[object, ...]]:
        """Fetch the next rows; none at the end."""
        ...


Connect: TypeAlias = Callable[[], DbApiConnection]

_MODULES = (
    "duckdb",
    "psycopg",
    "psycopg2",
    "snowflake.connector",
)
_SECRETS = re.compile(r"(?<=://)[^\s/@]*@|(?i:(?:password|passwd|pwd|token)\s*=\s*)(?:'[^']*'|\S+)")


def limit_memory(connection: Any, dialect: Dialect, folder: str) -> None:
    """Let DuckDB, which runs in this process, spill into a folder instead of growing.

    The other databases look after themselves.
    """
    if dialect == "duckdb":
        connection.execute(f"SET memory_limit = '{DUCKDB_MEMORY}'")
        connection.execute("SET temp_directory = $folder", {"folder": folder})


def begin_snapshot(connection: Any, dialect: Dialect) -> None:
    """Start the session in UTC; but on Snowflake, in a read-only transaction that sees one state.

    Where nothing promises that state (`one_state`), the trades are copied.
    """
    if dialect == "duckdb":
        # a cursor of DuckDB is a connection of its own, outside of this transaction
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("BEGIN TRANSACTION READ ONLY")
    elif dialect == "postgres":
        _begin_in_postgres(connection)
    else:
        _run_all(connection, "ALTER SESSION SET TIMEZONE = 'UTC'")


def _begin_in_postgres(connection: Any) -> None:
    if connection.autocommit:  # there, SET TRANSACTION would only warn and do nothing
        connection.autocommit = False
    # rows are read by position, whatever an Airflow connection's extra makes of them
    if hasattr(connection, "row_factory"):
        from psycopg.rows import tuple_row  # noqa: PLC0415 - not where no PostgreSQL is read

        connection.row_factory = tuple_row
    else:
        connection.cursor_factory = None  # psycopg2
    _run_all(
        connection,
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET LOCAL TIME ZONE 'UTC'",
    )


def _run_all(connection: Any, *statements: str) -> None:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


def open_cursor(connection: Any, dialect: Dialect, name: str) -> DbApiCursor:
    """Open a cursor inside the snapshot whose rows stay in the database until they are fetched."""
    if dialect == "duckdb":
        duckdb: DbApiCursor = connection
        return duckdb
    cursor: DbApiCursor = connection.cursor(name) if dialect == "postgres" else connection.cursor()
    return cursor


def close_cursor(cursor: Any, dialect: Dialect) -> None:
    """Give up the rest of a result; DuckDB's cursor is its connection and stays open."""
    if dialect != "duckdb":
        cursor.close()


@contextmanager
def our_errors(doing: str) -> Iterator[None]:
    """Turn a driver's errors into ours.

    The driver's own exception is not chained: its text can repeat the connection string.

    :raises WarehouseBusyError: locked, unreachable, cancelled: worth another try
    :raises WarehouseError: the statement or the data is wrong
    """
    try:
        yield
    except _driver_errors() as error:
        raise _ours(error, doing) from None


def _driver_errors() -> tuple[type[Exception], ...]:
    """Find the drivers' base errors; a driver that was not imported cannot have raised."""
    return tuple(sys.modules[name].Error for name in _MODULES if name in sys.modules)


def _ours(error: Exception, doing: str) -> WarehouseError:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    said = f"{type(error).__name__}: {_SECRETS.sub('***', str(error)).strip()}"
    if "does not exist" in said and "IOException" in kinds:
        return WarehouseError(
            f"{doing}: {said}.",
            to_do="correct the file in the warehouse connection, or create it (`settlement seed` "
            "writes the demo's)",
        )
    if "Could not set lock" in said:
        return WarehouseBusyError(
            f"{doing}: the file is locked by another process, most likely its loader. It is "
            f"retried; if it stays locked, end the process that is named here. {said}"
        )
    if kinds & {"OperationalError", "InterfaceError"}:
        return WarehouseBusyError(
            f"{doing}: the warehouse cannot be used for the moment. It is retried; if it stays "
            f"so, check the warehouse connection. {said}"
        )
    if "ProgrammingError" in kinds:
        return WarehouseError(
            f"{doing}: a table, a column or the statement is wrong.",
            to_do=f"adapt trades.sql in the SQL folder to your warehouse. {said}",
        )
    if "DataError" in kinds:
        return WarehouseError(
            f"{doing}: a value does not fit its type.",
            to_do="in trades.sql, cast connections and currencies to VARCHAR and amounts to "
            "DECIMAL(38,0) (PostgreSQL: NUMERIC); a sum beyond 38 digits needs a wider type. "
            f"{said}",
        )
    return WarehouseError(f"{doing}: {said}.", to_do="look up this error of the driver")
