"""The small values that every stage of the flow shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, NewType, TypeAlias

PartnerName = NewType("PartnerName", str)
"""What ledger, externalIds and commands call a partner: the name of its partner file."""


class PositionKey(NamedTuple):
    """What an amount belongs to: a client's connection (canonical UUID) and a currency."""

    connection_id: str
    currency: str


Positions: TypeAlias = Mapping[PositionKey, int]
"""Signed amounts in base units; positive: the client receives. Zero amounts are left out."""


class Line(NamedTuple):
    """One amount of a body or of a net position, in signed base units."""

    connection_id: str
    currency: str
    amount: int

    @property
    def key(self) -> PositionKey:
        """Connection and currency of the line."""
        return PositionKey(self.connection_id, self.currency)


def as_lines(positions: Positions) -> tuple[Line, ...]:
    """Lines of the non-zero positions, sorted by connection and currency."""
    return tuple(
        Line(key.connection_id, key.currency, amount)
        for key, amount in sorted(positions.items())
        if amount != 0
    )


def as_positions(lines: Iterable[Line]) -> dict[PositionKey, int]:
    """Sum of the lines per connection and currency, zeros left out."""
    sums: dict[PositionKey, int] = {}
    for line in lines:
        sums[line.key] = sums.get(line.key, 0) + line.amount
    return {key: amount for key, amount in sums.items() if amount != 0}


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open span of trading time [start, end), both aware, in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware timestamps")
        if self.start >= self.end:
            raise ValueError(f"window is empty: {self.start.isoformat()} to {self.end.isoformat()}")

    def __str__(self) -> str:
        return f"[{self.start.isoformat()}, {self.end.isoformat()})"


# Years of four digits: not every driver pads a shorter one with zeros.
ALL_OF_TIME = Window(datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to the ledger: a task of a run, or a person at the command line."""

    who: str
    run_id: str | None = None
    task_id: str | None = None
    try_number: int | None = None
