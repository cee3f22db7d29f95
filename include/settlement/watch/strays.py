"""Trades that no business date will settle, because of when they were executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.ledger.dates import frozen_dates
from settlement.values import Window
from settlement.warehouse import Warehouse
from settlement.warehouse.placing import ALL_OF_TIME
from settlement.warehouse.survey import Examples, Why
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind
from settlement.watch.recent_events import first_event_at
from settlement.watch.uncovered import AHEAD, before_all, gaps

RECORDED_WITHIN = timedelta(days=35)
"""Before the first window lies all that was traded before this project came, and is nobody's
business; what was recorded since, and so lately, is."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Trades of one kind that no date will settle, why, and what to do."""

    trades: Examples
    why: str
    to_do: str

    def __str__(self) -> str:
        listed = ", ".join(f"{trade_id} ({at or 'null'})" for trade_id, at in self.trades.shown)
        more = ", …" if self.trades.count > len(self.trades.shown) else ""
        return f"{self.trades.count} trade(s) {self.why}: {listed}{more}. {self.to_do}"


def find_strays(
    ledger: Ledger, warehouse: Warehouse, partner: PartnerFile, now: datetime
) -> list[Strays]:
    """Ask the warehouse for what lies before, between and after the windows, and for no time."""
    with ledger.transaction() as tx:
        frozen = frozen_dates(tx, partner.name)
        first_event = first_event_at(tx, partner.name)
    # A ledger that was lost has begun anew, but knows the windows of what was settled before. Since
    # the date before the first of them would have been read, trades for it come too late for
    # whoever settled it.
    read_before = [each.window.start + partner.settle_after for each in frozen.values()]
    known_since = min([first_event, *read_before]) if first_event is not None else None
    found: list[Strays] = []
    with warehouse.survey(partner) as survey:
        ahead = survey.outside(Window(now + AHEAD, ALL_OF_TIME.end))
        found += [
            Strays(ahead[each], *_WITHOUT_A_TIME[each]) for each in _WITHOUT_A_TIME if each in ahead
        ]
        if Why.UNCOVERED in ahead:
            found.append(Strays(ahead[Why.UNCOVERED], "are executed later than now", _CORRECT))
        if known_since is not None:
            early = before_all(partner, frozen, now)
            since = max(known_since, now - RECORDED_WITHIN)
            trades = survey.outside(early.window, since).get(Why.UNCOVERED)
            if trades is not None:
                found.append(Strays(trades, f"are executed {early.why}", _CORRECT_OR_EARLIER))
        for gap in gaps(partner, frozen, now):
            trades = survey.outside(gap.window).get(Why.UNCOVERED)
            if trades is not None:
                found.append(Strays(trades, f"are executed {gap.why}", _INTO_A_DATE))
    return found


_CORRECT = "No date settles them: correct executed_at in the warehouse"
_CORRECT_OR_EARLIER = (
    f"{_CORRECT}; if they are right, have trades.sql put them into a date that is still to come, "
    "or leave them out"
)
_INTO_A_DATE = (
    "No date settles them: a calendar or cut-off that was edited in place has left this gap. Have "
    "trades.sql put them into a date that is still to come, and give later edits a `from` date"
)
_WITHOUT_A_TIME = {
    Why.NULL: ("have no executed_at", f"{_CORRECT}; until then every run is refused"),
    Why.INFINITE: ("have an infinite executed_at", f"{_CORRECT}; until then every run is refused"),
}


def read_strays(context: WatchContext) -> Sequence[Strays]:
    """What no date will settle."""
    return find_strays(context.ledger, context.open_warehouse(), context.partner, context.now)


def strays(context: WatchContext, found: Sequence[Strays]) -> Iterator[Finding]:
    """A finding for each kind."""
    for each in found:
        yield Finding(Kind.UNCOVERED, context.partner.name, str(each))
