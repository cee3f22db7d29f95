"""How a long list is said in one line: the first few, and how many more."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 5


def first_few(
    names: Sequence[object], shown: int = SHOWN, *, count: int | None = None, between: str = ", "
) -> str:
    """The first names, and how many more there are.

    :param count: how many there are in all, where `names` are not all of them
    """
    listed = between.join(str(each) for each in names[:shown])
    left = (len(names) if count is None else count) - len(names[:shown])
    return f"{listed} {and_more(left)}" if left > 0 else listed


def and_more(left: int) -> str:
    """What stands behind the first few."""
    return f"and {left:,} more"
