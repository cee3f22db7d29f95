"""What stands in for Snowflake and BigQuery: their SQL, read by sqlglot and run by DuckDB.

It shows that the statements are theirs and mean the same, and that one reading sees one state. It
is no proof of how their servers behave.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import ErrorLevel, parse_one

from settlement.warehouse.drivers import Dialect


class StandIn:
    """A connection without transactions: every statement reads what is committed when it starts."""

    def __init__(self, duckdb: Any, dialect: Dialect) -> None:
        self._duckdb = duckdb
        self._dialect = dialect

    def cursor(self) -> _Cursor:
        """Open a cursor that sees the session's temporary tables."""
        return _Cursor(self._duckdb, self._dialect)

    def close(self) -> None:
        """End the session."""
        self._duckdb.close()


class _Cursor:
    """Puts values into the text before it is sent, as Snowflake's driver does."""

    def __init__(self, duckdb: Any, dialect: Dialect) -> None:
        self._duckdb = duckdb
        self._dialect = dialect

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement of the cloud's dialect."""
        if statement == "ALTER SESSION SET TIMEZONE = 'UTC'":
            self._duckdb.execute("SET TimeZone = 'UTC'")
            return
        text = statement % tuple(_literal(each, self._dialect) for each in parameters)
        self._duckdb.execute(in_duckdb(text, self._dialect))

    @property
    def description(self) -> list[tuple[str, ...]]:
        """Columns of the result; Snowflake shouts."""
        names = [column[0] for column in self._duckdb.description]
        return [(name.upper() if self._dialect == "snowflake" else name,) for name in names]

    def fetchmany(self, size: int) -> list[Any]:
        """Fetch the next rows."""
        rows: list[Any] = self._duckdb.fetchmany(size)
        return rows

    def close(self) -> None:
        """Keep the session open."""


def in_duckdb(statement: str, dialect: Dialect) -> str:
    """Translate a statement of a cloud's dialect.

    :raises sqlglot.errors.ParseError: if it is not of that dialect
    :raises sqlglot.errors.UnsupportedError: if DuckDB cannot say it
    """
    return parse_one(statement, read=dialect).sql("duckdb", unsupported_level=ErrorLevel.RAISE)


def _literal(value: object, dialect: Dialect) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        text = f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
        return text if dialect == "snowflake" else f"TIMESTAMP {text}"
    assert isinstance(value, str)
    assert "'" not in value
    return f"'{value}'"
