"""Which of many windows a trade lies in, as an SQL expression that any database takes.

A join with a list of windows is slow: DuckDB needs 20 times as long for it. Windows do not
overlap, so a trade is placed by halving: a CASE that compares it with the edge in the middle, and
so on in both halves. A year of dates takes nine comparisons a trade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from settlement.values import ALL_OF_TIME
from settlement.warehouse.survey import ReadWindow

DIGITS = 6
FIRST_NUMBER = 100_000
"""Numbers of windows have as many digits each, so that they sort as text as they do as numbers."""

NEVER = ALL_OF_TIME.start
"""Before every trade."""

_Leaf = Callable[[int | None], str]


@dataclass(frozen=True, slots=True)
class WindowOfTrade:
    """Expressions over `executed_at`, with the values of their parameters.

    `number`: of the window, from FIRST_NUMBER on; null outside of all. `read_until`: the watermark
    of the window's snapshot; NEVER where it has none, and outside of all.
    """

    number: str
    read_until: str
    values: Mapping[str, object]


def window_of_trade(windows: Sequence[ReadWindow]) -> WindowOfTrade:
    """Place trades in windows that are in order and do not overlap."""
    edges: list[datetime] = []
    between: list[int | None] = [None]
    """What lies before the first edge, between each two, and after the last one."""
    for place, (window, _) in enumerate(windows):
        if not edges or edges[-1] != window.start:
            edges.append(window.start)
            between.append(None)
        between[-1] = place
        edges.append(window.end)
        between.append(None)
    values: dict[str, object] = {f"edge_{n}": edge for n, edge in enumerate(edges)}
    values |= {f"read_until_{n}": each.read_until or NEVER for n, each in enumerate(windows)}
    values["never"] = NEVER
    return WindowOfTrade(
        _halved(between, 0, lambda place: "NULL" if place is None else f"{FIRST_NUMBER + place}"),
        _halved(between, 0, lambda place: ":never" if place is None else f":read_until_{place}"),
        values,
    )


def _halved(between: Sequence[int | None], first_edge: int, leaf: _Leaf) -> str:
    """The expression for a run of stretches; `first_edge` is the edge after the first of them."""
    if len(between) == 1:
        return leaf(between[0])
    half = len(between) // 2
    edge = first_edge + half - 1
    before = _halved(between[:half], first_edge, leaf)
    after = _halved(between[half:], edge + 1, leaf)
    return f"CASE WHEN executed_at < :edge_{edge} THEN {before} ELSE {after} END"
