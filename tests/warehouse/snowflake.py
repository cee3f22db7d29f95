"""What stands in for Snowflake: its SQL, read by sqlglot and run by DuckDB.

It shows that the statements are Snowflake's and mean the same, and that one reading sees one state.
It is no proof of how its servers behave.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import ErrorLevel, exp, parse_one


class StandIn:
    """A connection without transactions: every statement reads what is committed when it starts."""

    def __init__(self, duckdb: Any) -> None:
        self._duckdb = duckdb

    def cursor(self) -> _Cursor:
        """Open a cursor that sees the session's temporary tables."""
        return _Cursor(self._duckdb)

    def close(self) -> None:
        """End the session."""
        self._duckdb.close()


class _Cursor:
    """Puts values into the text before it is sent, as Snowflake's driver does."""

    def __init__(self, duckdb: Any) -> None:
        self._duckdb = duckdb

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement of Snowflake's dialect."""
        if statement == "ALTER SESSION SET TIMEZONE = 'UTC'":
            self._duckdb.execute("SET TimeZone = 'UTC'")
            return
        text = statement % tuple(_literal(each) for each in parameters)
        self._duckdb.execute(in_duckdb(text))

    @property
    def description(self) -> list[tuple[str, ...]]:
        """Columns of the result; Snowflake shouts."""
        return [(column[0].upper(),) for column in self._duckdb.description]

    def fetchmany(self, size: int) -> list[Any]:
        """Fetch the next rows."""
        rows: list[Any] = self._duckdb.fetchmany(size)
        return rows

    def close(self) -> None:
        """Keep the session open."""


def in_duckdb(statement: str) -> str:
    """Translate a statement of Snowflake's.

    :raises sqlglot.errors.ParseError: if it is not of that dialect
    :raises sqlglot.errors.UnsupportedError: if DuckDB cannot say it
    """
    tree = parse_one(statement, read="snowflake").transform(_by_code_points)
    return tree.sql("duckdb", unsupported_level=ErrorLevel.RAISE)


def _by_code_points(node: exp.Expression) -> exp.Expression:
    """The order that Snowflake calls 'utf8', in DuckDB's word."""
    if isinstance(node, exp.Collate) and node.expression.name == "utf8":
        node.set("expression", exp.to_identifier("C"))
    return node


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
    assert isinstance(value, str)
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
