"""Ours beside theirs: what differs in a diverged request, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from settlement.ledger.people.question import lines_of_facts
from settlement.values import PositionKey, Positions, as_positions


@dataclass(frozen=True, slots=True)
class Row:
    """One amount on both sides, in base units."""

    key: PositionKey
    ours: int
    theirs: int

    @property
    def difference(self) -> int:
        """How much more the client receives by what the partner shows."""
        return self.theirs - self.ours


@dataclass(frozen=True, slots=True)
class Total:
    """All that differs in one currency: how many amounts, and the sums of the differences."""

    currency: str
    count: int
    net: int
    gross: int


@dataclass(frozen=True, slots=True)
class BothSides:
    """What differs, the largest of each currency first, and how many amounts are equal."""

    differing: tuple[Row, ...]
    equal: int
    totals: tuple[Total, ...]


def compared(facts: Mapping[str, Any]) -> BothSides:
    """Both sides of the facts of a diverged request."""
    ours, theirs = _current_lines(facts), as_positions(lines_of_facts(facts["theirs"]))
    rows = [Row(key, ours.get(key, 0), theirs.get(key, 0)) for key in sorted({*ours, *theirs})]
    differing = [each for each in rows if each.difference]
    return BothSides(
        tuple(_largest_of_each_first(differing)),
        len(rows) - len(differing),
        tuple(_totals(differing)),
    )


def _current_lines(facts: Mapping[str, Any]) -> Positions:
    """Our side: the current body, or the newest where none is."""
    bodies = facts["ours"]
    current = [each for each in bodies if each["body"] == facts["current_body"]] or bodies[-1:]
    return as_positions(lines_of_facts(current[0]["lines"])) if current else {}


def _by_currency(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for each in sorted(rows, key=lambda row: (row.key.currency, -abs(row.difference), row.key)):
        found.setdefault(each.key.currency, []).append(each)
    return found


def _largest_of_each_first(rows: Sequence[Row]) -> list[Row]:
    """No currency pushes another one off the first page."""
    ranked = [
        (rank, each) for part in _by_currency(rows).values() for rank, each in enumerate(part)
    ]
    return [each for _, each in sorted(ranked, key=lambda pair: pair[0])]


def _totals(rows: Sequence[Row]) -> list[Total]:
    return [
        Total(
            currency,
            len(part),
            sum(each.difference for each in part),
            sum(abs(each.difference) for each in part),
        )
        for currency, part in _by_currency(rows).items()
    ]
