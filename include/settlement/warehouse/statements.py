"""The SQL files, put together: the queries read from `trades`.

That is trades.sql with its names made comparable byte for byte (exact_trades.sql), or, for three
queries (`over_raw_trades`), as it is. The queries are written once, as DuckDB takes them; what
PostgreSQL and Snowflake say otherwise is put in here, word by word. trades.sql is the user's, in
the dialect of the warehouse.
"""

from __future__ import annotations

from pathlib import Path

from settlement.errors import ConfigurationError
from settlement.warehouse.cells import OPTIONAL_COLUMNS
from settlement.warehouse.drivers import Dialect
from settlement.warehouse.parameters import names_in, without_end
from settlement.warehouse.window_of_trade import WindowOfTrade

_REQUIRED = ("partner", "window_start", "window_end")
_COPY = "CREATE TEMPORARY TABLE settlement_trades AS\n"
_THE_COPY = "SELECT * FROM settlement_trades"
# DuckDB would hold all trades in memory; running trades.sql once for each mention takes less time.
_NAMED: dict[Dialect, str] = {"duckdb": "AS NOT MATERIALIZED"}
_OTHER_WORDS: dict[Dialect, dict[str, str]] = {
    "duckdb": {},
    # DuckDB's texts are UTF-8 always, PostgreSQL's are in the encoding of the database
    "postgres": {"MD5(trade_id)": "MD5(CONVERT_TO(trade_id, 'UTF8'))"},
    "snowflake": {' COLLATE "C"': " COLLATE 'utf8'", "STRING_AGG(": "LISTAGG("},
}


class Statements:
    """The queries of one SQL folder in one dialect, with named parameters.

    :param folder: trades.sql and the queries over it
    :param dialect: of the warehouse
    :param from_copy: read the session's copy of the trades instead of running trades.sql again
    :param columns: what trades.sql returns; the optional ones may be missing

    :raises ConfigurationError: on use, if a file is missing or trades.sql ignores a parameter
    """

    def __init__(
        self,
        folder: Path,
        dialect: Dialect,
        *,
        from_copy: bool = False,
        columns: frozenset[str] = frozenset(),
    ) -> None:
        self._folder = folder
        self._dialect = dialect
        self._from_copy = from_copy
        self._columns = columns

    def plan_of_trades(self) -> str:
        """The statement that makes DuckDB say how it would run trades.sql."""
        return f"EXPLAIN (FORMAT JSON)\n{self._trades()}"

    def copy_of_trades(self) -> str:
        """The statement that copies the trades of the window into a table of the session."""
        return _COPY + self._trades()

    def over_copy(self) -> Statements:
        """The same queries, over that copy."""
        return Statements(self._folder, self._dialect, from_copy=True)

    def over_columns(self, columns: frozenset[str]) -> Statements:
        """The same queries, over what trades.sql is known to return."""
        return Statements(self._folder, self._dialect, from_copy=self._from_copy, columns=columns)

    def in_full(self, query: str) -> str:
        """A query over all trades of the window with trades.sql in it, copy or not."""
        exact = self._exact("AS")
        return f"WITH read_trades AS (\n{self._trades()}\n),\n{exact}\n{self._query(query)}"

    def over_raw_trades(self, query: str) -> str:
        """Put a query over what trades.sql returns, as it is."""
        return f"WITH trades {self._as()} (\n{self._source()}\n)\n{self._query(query)}"

    def over_trades(self, query: str) -> str:
        """Put a query over all trades of the window."""
        return f"WITH {self._read()},\n{self._exact(self._as())}\n{self._query(query)}"

    def over_trades_until(self, query: str) -> str:
        """Put the same query over the trades recorded at or before `:recorded_until`."""
        return (
            f"WITH {self._read()},\n{self._exact(self._as(), 'window_trades')},\n"
            f"trades {self._as()} (\n{self._query('recorded_until')}\n)\n{self._query(query)}"
        )

    def over_windows(self, query: str, placed: WindowOfTrade) -> str:
        """Put a query over the trades of many windows, each trade with the number of its window.

        What reads `trades` gets those that the windows' snapshots have read, each connection with
        that number in front; what reads `placed_trades`, all of them.
        """
        return (
            f"WITH {self._read()},\n{self._exact(self._as(), 'all_trades')},\n"
            f"placed_trades {self._as()} (\nSELECT *,\n{placed.number} AS window_number,\n"
            f"CAST({placed.read_until} AS TIMESTAMP WITH TIME ZONE) AS read_until\n"
            "FROM all_trades\n),\n"
            f"trades {self._as()} (\n{self._query('window_trades')}\n)\n{self._query(query)}"
        )

    def _read(self) -> str:
        return f"read_trades {self._as()} (\n{self._source()}\n)"

    def _exact(self, named: str, name: str = "trades") -> str:
        sql = self._query("exact_trades")
        for column in OPTIONAL_COLUMNS:
            if column not in self._columns:
                sql = sql.replace(f"CAST({column} AS", "CAST(NULL AS")
        return f"{name} {named} (\n{sql}\n)"

    def _as(self) -> str:
        return _NAMED.get(self._dialect, "AS")

    def _source(self) -> str:
        return _THE_COPY if self._from_copy else self._trades()

    def _query(self, name: str) -> str:
        sql = self._text(name)
        for word, other in _OTHER_WORDS[self._dialect].items():
            sql = sql.replace(word, other)
        return sql

    def _trades(self) -> str:
        sql = self._text("trades")
        ignored = [f":{name}" for name in _REQUIRED if name not in names_in(sql)]
        if ignored:
            raise ConfigurationError(
                f"{self._folder / 'trades.sql'} does not use {', '.join(ignored)}: it would "
                "return trades of another partner or day.",
                to_do="add the condition to its WHERE",
            )
        return sql

    def _text(self, name: str) -> str:
        path = self._folder / f"{name}.sql"
        try:
            sql = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ConfigurationError(
                f"{path} is missing.", to_do="restore it from the project's include/sql"
            ) from None
        return without_end(sql)
