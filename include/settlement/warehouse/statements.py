"""The SQL files, put together: every query reads from `trades`, which is trades.sql.

The queries are written once, as DuckDB and PostgreSQL take them; what Snowflake and BigQuery say
otherwise is put in here, word by word. trades.sql is the user's, in the dialect of the warehouse.
"""

from __future__ import annotations

from pathlib import Path

from settlement.errors import ConfigurationError
from settlement.warehouse.drivers import Dialect
from settlement.warehouse.parameters import names_in
from settlement.warehouse.placing import Placing

_REQUIRED = ("partner", "window_start", "window_end")
_COPY = "CREATE TEMPORARY TABLE settlement_trades AS\n"
_THE_COPY = "SELECT * FROM settlement_trades"
# DuckDB would hold all trades in memory; running trades.sql once for each mention takes less time.
_NAMED: dict[Dialect, str] = {"duckdb": "AS NOT MATERIALIZED"}
# Both clouds order text by code points when nothing is said.
_OTHER_WORDS: dict[Dialect, dict[str, str]] = {
    "duckdb": {},
    "postgres": {},
    "snowflake": {' COLLATE "C"': ""},
    "bigquery": {
        ' COLLATE "C"': "",
        "AS VARCHAR)": "AS STRING)",
        "INTERVAL '5 minutes'": "INTERVAL 5 MINUTE",
    },
}


class Statements:
    """The queries of one SQL folder in one dialect, with named parameters.

    :param folder: trades.sql and the queries over it
    :param dialect: of the warehouse
    :param from_copy: read the session's copy of the trades instead of running trades.sql again

    :raises ConfigurationError: on use, if a file is missing or trades.sql ignores a parameter
    """

    def __init__(self, folder: Path, dialect: Dialect, *, from_copy: bool = False) -> None:
        self._folder = folder
        self._dialect = dialect
        self._from_copy = from_copy

    def copy_of_trades(self) -> str:
        """The statement that copies the trades of the window into a table of the session."""
        return _COPY + self._trades()

    def over_copy(self) -> Statements:
        """The same queries, over that copy."""
        return Statements(self._folder, self._dialect, from_copy=True)

    def in_full(self, query: str) -> str:
        """A query over all trades of the window with trades.sql in it, copy or not."""
        return f"WITH trades AS (\n{self._trades()}\n)\n{self._query(query)}"

    def over_trades(self, query: str) -> str:
        """Put a query over all trades of the window."""
        return f"WITH trades {self._as()} (\n{self._source()}\n)\n{self._query(query)}"

    def over_trades_until(self, query: str) -> str:
        """Put the same query over the trades recorded at or before `:recorded_until`."""
        return (
            f"WITH window_trades {self._as()} (\n{self._source()}\n),\n"
            f"trades {self._as()} (\n{self._query('recorded_until')}\n)\n{self._query(query)}"
        )

    def over_windows(self, query: str, placed: Placing) -> str:
        """Put a query over the trades of many windows, each trade with the number of its window.

        What reads `trades` gets those that the windows' snapshots have read, each connection with
        that number in front; what reads `placed_trades`, all of them.
        """
        return (
            f"WITH all_trades {self._as()} (\n{self._trades()}\n),\n"
            f"placed_trades {self._as()} (\nSELECT *,\n{placed.number} AS window_number,\n"
            f"{placed.read_until} AS read_until\nFROM all_trades\n),\n"
            f"trades {self._as()} (\n{self._query('window_trades')}\n)\n{self._query(query)}"
        )

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
                f"{self._folder / 'trades.sql'} does not use {', '.join(ignored)}: it would return "
                "trades of another partner or day. Next step: add the condition to its WHERE"
            )
        return sql

    def _text(self, name: str) -> str:
        path = self._folder / f"{name}.sql"
        try:
            sql = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ConfigurationError(
                f"{path} is missing. Next step: restore it from the project's include/sql"
            ) from None
        return sql.rstrip().removesuffix(";")
