"""Waiting for what others do, as short as can be; what never comes is a failure with its name."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

LONGEST_WAIT_S = 240
LOOK_EVERY_S = 0.5
"""A look at a real Airflow is a call of its REST API."""
AT_ONCE_S = 0.01
"""A look at something in this process, or in a database, costs next to nothing."""


class NeverCame(AssertionError):  # noqa: N818 - a finding, not a broken test
    """What was waited for did not come; the text says what was seen instead."""


def once(
    look: Callable[[], Any],
    enough: Callable[[Any], Any] = bool,
    *,
    patience_s: float = LONGEST_WAIT_S,
    every_s: float = LOOK_EVERY_S,
) -> Any:
    """What a look shows, as soon as it is enough.

    :raises NeverCame: with what the last look has shown
    """
    deadline = monotonic() + patience_s
    while not enough(found := look()):
        if monotonic() > deadline:
            raise NeverCame(f"still {found} after {patience_s} s")
        sleep(every_s)
    return found


def until(
    condition: Callable[[], Any],
    what: str,
    *,
    patience_s: float = LONGEST_WAIT_S,
    every_s: float = AT_ONCE_S,
) -> None:
    """Wait for a condition.

    :raises NeverCame: naming it
    """
    try:
        once(condition, patience_s=patience_s, every_s=every_s)
    except NeverCame:
        raise NeverCame(f"waited {patience_s} s for {what}") from None
