"""The survey over any DB-API driver: one statement for many windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from settlement.amounts import require_int
from settlement.config.partner_file import PartnerFile
from settlement.values import ALL_OF_TIME, Window
from settlement.warehouse import cells
from settlement.warehouse.session import Row, Session
from settlement.warehouse.statements import Statements
from settlement.warehouse.survey import NO_EXAMPLES, Examples, ReadWindow, Why, WindowCount
from settlement.warehouse.window_of_trade import DIGITS, FIRST_NUMBER, window_of_trade


class SqlSurvey:
    """One partner's trades, over many windows.

    Each question is one statement, so that none needs a copy of the trades, on any database.
    """

    def __init__(self, session: Session, statements: Statements, partner: PartnerFile) -> None:
        self._session = session
        self._statements = statements
        self._partner = partner

    def counts(self, windows: Sequence[ReadWindow], recorded_by: datetime) -> list[WindowCount]:
        """Count the trades of each window; one that the answer leaves out has none."""
        found = [WindowCount(0, 0, 0)] * len(windows)
        if not windows:
            return found
        placed = window_of_trade(windows)
        sql = self._statements.over_windows("window_counts", placed)
        values = {**self._over(windows), **placed.values, "recorded_by": recorded_by}
        for row in self._session.stream(self._doing("counting the trades"), sql, values):
            number, *counted = (require_int(each, "count") for each in row)
            found[number - FIRST_NUMBER] = WindowCount(*counted)
        return found

    def positions(self, windows: Sequence[ReadWindow]) -> Iterator[tuple[int, str, str, str]]:
        """Net positions of each window, from net_positions.sql itself."""
        if not windows:
            return
        placed = window_of_trade(windows)
        sql = self._statements.over_windows("net_positions", placed)
        values = {**self._over(windows), **placed.values}
        doing = self._doing("computing the net positions")
        for connection_id, currency, amount in self._session.stream(doing, sql, values):
            connection = cells.text(connection_id, "connection_id")
            place = int(connection[:DIGITS]) - FIRST_NUMBER
            yield place, connection[DIGITS:], str(currency), str(amount)

    def outside(
        self, stretch: Window, recorded_since: datetime | None = None
    ) -> Mapping[Why, Examples]:
        """Find trades of the stretch, and those whose time is null or infinite."""
        values = {**self._in(stretch), "recorded_since": recorded_since or ALL_OF_TIME.start}
        sql = self._statements.over_trades("outside")
        rows: dict[Why, list[Row]] = {}
        for why, *row in self._session.stream(
            self._doing("looking for trades of no date"), sql, values
        ):
            rows.setdefault(Why(cells.text(why, "why")), []).append(tuple(row))
        return {why: _examples(found) for why, found in rows.items()}

    def recorded_later(self, stretch: Window, moment: datetime) -> Examples:
        """Find trades of the stretch that claim to have been recorded after the moment."""
        values = {**self._in(stretch), "recorded_by": moment}
        sql = self._statements.over_trades("recorded_later")
        return _examples(list(self._session.stream(self._doing("reading trades"), sql, values)))

    def whereabouts(self, trade_ids: Sequence[str]) -> Iterator[tuple[str, datetime]]:
        """Ids and times of all trades that bear one of these ids."""
        if not trade_ids:
            return
        values = {**self._in(ALL_OF_TIME), "trade_ids": tuple(trade_ids)}
        sql = self._statements.over_trades("whereabouts")
        for trade_id, executed_at in self._session.stream(
            self._doing("looking for trades by their ids"), sql, values
        ):
            yield cells.text(trade_id, "trade_id"), cells.instant(executed_at, "executed_at")

    def _over(self, windows: Sequence[ReadWindow]) -> dict[str, object]:
        return self._in(Window(windows[0].window.start, windows[-1].window.end))

    def _in(self, stretch: Window) -> dict[str, object]:
        return {
            "partner": self._partner.name,
            "window_start": stretch.start,
            "window_end": stretch.end,
            "first_instant": ALL_OF_TIME.start,
            "last_instant": ALL_OF_TIME.end,
        }

    def _doing(self, what: str) -> str:
        return f"{what} of {self._partner.name} over many windows"


def _examples(rows: Sequence[Row]) -> Examples:
    """From rows (number found, id, time as text)."""
    if not rows:
        return NO_EXAMPLES
    shown = tuple(
        (cells.text(trade_id, "trade_id"), cells.text_or_none(at, "time"))
        for _, trade_id, at in rows
    )
    return Examples(require_int(rows[0][0], "found"), shown)
