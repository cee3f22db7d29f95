"""The SQL files, put together: every query reads from `trades`, which is trades.sql."""

from __future__ import annotations

from pathlib import Path

from settlement.errors import ConfigurationError
from settlement.warehouse.parameters import names_in

_REQUIRED = ("partner", "window_start", "window_end")


class Statements:
    """The queries of one SQL folder, with named parameters.

    :raises ConfigurationError: on use, if a file is missing or trades.sql ignores a parameter
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def over_trades(self, query: str) -> str:
        """Put a query over all trades of the window."""
        return f"WITH trades AS (\n{self._trades()}\n)\n{self._text(query)}"

    def over_trades_until(self, query: str) -> str:
        """Put the same query over the trades recorded at or before `:recorded_until`."""
        return (
            f"WITH window_trades AS (\n{self._trades()}\n),\n"
            f"trades AS (\n{self._text('recorded_until')}\n)\n{self._text(query)}"
        )

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
