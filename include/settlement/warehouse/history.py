"""Trades that were read once must still be there, unchanged, at the next reading."""

from __future__ import annotations

from collections.abc import Iterator

from settlement.errors import HistoryChangedError
from settlement.values import Line, PositionKey

EXAMPLES = 5


def require_history_unchanged(
    previous_count: int,
    previous_positions: Iterator[Line],
    count_until: int,
    positions_until: Iterator[Line],
) -> None:
    """Refuse a reading in which the trades of the previous one are not all still the same.

    Both streams are sorted by connection and currency and are compared as they come. Comparing
    every position finds what sums per currency miss: two clients who have swapped their trades.

    :param previous_count: trades of the previous snapshot
    :param previous_positions: its net positions
    :param count_until: trades now recorded at or before the previous snapshot's watermark
    :param positions_until: net positions over those trades
    :raises HistoryChangedError: naming both counts and up to five positions, was and is
    """
    examples: list[str] = []
    changed = 0
    for key, was, now in _merged(previous_positions, positions_until):
        if was == now:
            continue
        changed += 1
        if len(examples) < EXAMPLES:
            examples.append(f"{key.connection_id} {key.currency} was {was}, is {now}")
    if previous_count == count_until and not changed:
        return
    found = [f"{previous_count} trades were read, {count_until} of them are there now"]
    if changed:
        more = f" and {changed - EXAMPLES} more" if changed > EXAMPLES else ""
        found.append(f"net positions that differ: {'; '.join(examples)}{more} (base units)")
    raise HistoryChangedError(
        "trades that an earlier snapshot has read have changed or gone: "
        f"{'. '.join(found)}. Nothing is sent. Next step: find out whether the warehouse is half "
        "loaded (then clear this task after the load) or trades were corrected (then record the "
        "decision to accept the change)"
    )


def _merged(
    previous: Iterator[Line], current: Iterator[Line]
) -> Iterator[tuple[PositionKey, int, int]]:
    """Every key of either stream with both amounts; 0 where a stream lacks it."""
    left_lines = _in_order(previous, "previous")
    right_lines = _in_order(current, "current")
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
