"""What the simulation is there to find."""

from __future__ import annotations


class PromiseBroken(AssertionError):  # noqa: N818 (what the simulation is there to find)
    """A promise does not hold."""


def require(holds: bool, broken: str) -> None:
    """Raise unless a promise holds; `broken` says what does not."""
    if not holds:
        raise PromiseBroken(broken)
