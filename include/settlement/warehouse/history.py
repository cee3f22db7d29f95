"""Trades that were read once must still be there, unchanged, at the next reading."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from settlement.values import Line, PositionKey, Positions
from settlement.warehouse.reader import HOUSE, TradeRow
from settlement.wording import first_few

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Change:
    """How trades that were read before differ from then: their count, and each changed position.

    `positions` holds what each was and is, in base units.
    """

    count_was: int
    count_is: int
    positions: dict[PositionKey, tuple[int, int]]

    @property
    def count(self) -> int:
        """By how much the number of trades changed."""
        return self.count_is - self.count_was

    @property
    def amounts(self) -> dict[PositionKey, int]:
        """By how much each changed position changed."""
        return {key: now - was for key, (was, now) in self.positions.items()}

    def described(self) -> str:
        """Both counts, and the first positions that changed."""
        found = [f"{self.count_was} trades were read, {self.count_is} of them are there now"]
        if self.positions:
            examples = [
                f"{key.connection_id} {key.currency} was {was}, is {now}"
                for key, (was, now) in islice(self.positions.items(), EXAMPLES)
            ]
            listed = first_few(examples, count=len(self.positions), between="; ")
            found.append(f"net positions that differ: {listed} (base units)")
        return ". ".join(found)


def change_in_history(
    previous_count: int,
    previous_positions: Iterator[Line],
    count_until: int,
    positions_until: Iterator[Line],
) -> Change | None:
    """How a reading changes what the previous one has read; None if it is all still the same.

    Both streams are sorted by connection and currency and are compared as they come. Comparing
    every position finds what sums per currency miss: two clients who have swapped their trades.

    :param previous_count: trades of the previous snapshot
    :param previous_positions: its net positions
    :param count_until: trades now recorded at or before the previous snapshot's watermark
    :param positions_until: net positions over those trades
    """
    changed = {
        key: (was, now)
        for key, was, now in _merged(previous_positions, positions_until)
        if was != now
    }
    if previous_count == count_until and not changed:
        return None
    return Change(previous_count, count_until, changed)


@dataclass(frozen=True, slots=True)
class Returning:
    """Late trades that may be the ones that went, loaded again under a new `recorded_at`.

    `digest` is over their ids; `examples` are the first of these; `amounts` is their effect on the
    changed positions.
    """

    count: int
    digest: str
    examples: tuple[str, ...]
    amounts: dict[PositionKey, int]


def returning(change: Change, late_trades: Iterable[TradeRow]) -> Returning:
    """The late trades that could undo a change: to be settled by themselves only if they do not.

    That is a trade whose every effect is on a changed position, one at least against the change.
    What each trade moved that was read before is not kept, so a person has to tell by the ids.
    """
    ids = hashlib.sha256()
    examples: list[str] = []
    amounts: dict[PositionKey, int] = {}
    count = 0
    changed = change.amounts
    for trade in late_trades:
        effects = effects_of(trade)
        if not _could_undo(effects, changed):
            continue
        count += 1
        ids.update(f"{trade.trade_id}\n".encode())
        if len(examples) < EXAMPLES:
            examples.append(trade.trade_id)
        for key, effect in effects.items():
            amounts[key] = amounts.get(key, 0) + effect
    return Returning(count, ids.hexdigest(), tuple(examples), amounts)


def effects_of(trade: TradeRow) -> dict[PositionKey, int]:
    """What a trade moves, for each of its clients."""
    sides = {trade.buyer_connection_id, trade.seller_connection_id} - {None, HOUSE}
    keys = (PositionKey(str(side), currency) for side in sides for currency in trade.currencies)
    return {key: effect for key in keys if (effect := trade.effect_on(*key)) != 0}


def _could_undo(effects: Positions, changed: Positions) -> bool:
    inside = bool(effects) and effects.keys() <= changed.keys()
    return inside and any(effect * changed[key] < 0 for key, effect in effects.items())


def without(change: Positions, lines: Iterator[Line]) -> Iterator[Line]:
    """Net positions as they were without a change, in the same order, zeros left out."""
    changed = (Line(*key, amount) for key, amount in sorted(change.items()))
    for key, whole, part in _merged(lines, changed):
        if whole != part:
            yield Line(*key, whole - part)


def _merged(
    left_stream: Iterator[Line], right_stream: Iterator[Line]
) -> Iterator[tuple[PositionKey, int, int]]:
    """Every key of either stream with both amounts; 0 where a stream lacks it."""
    left_lines = _in_order(left_stream, "left")
    right_lines = _in_order(right_stream, "right")
    left, right = next(left_lines, None), next(right_lines, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.key < right.key):
            assert left is not None  # noqa: S101  the loop's condition, for the type checker
            yield left.key, left.amount, 0
            left = next(left_lines, None)
        elif left is None or right.key < left.key:
            yield right.key, 0, right.amount
            right = next(right_lines, None)
        else:
            yield left.key, left.amount, right.amount
            left, right = next(left_lines, None), next(right_lines, None)


def _in_order(lines: Iterator[Line], whose: str) -> Iterator[Line]:
    """Pass lines on while each comes after the one before: else the merge would see ghosts."""
    before: Line | None = None
    for line in lines:
        if before is not None and line.key <= before.key:
            raise ValueError(f"the {whose} net positions are not sorted: {line.key} after {before}")
        before = line
        yield line
