"""A process that is going to be killed: it tells its moments, and stops at one of them for ever.

What it tells are lines: `passed <moment>` for each moment, the first time, and `stopped` at the
last. Whoever reads them kills it then.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable

PASSED, STOPPED = "passed", "stopped"


class LastMoment:
    """Inside the process."""

    def __init__(self, tell: Callable[[str], None], stop_at: str | None) -> None:
        self._tell = tell
        self._stop_at = stop_at
        self._passed: set[str] = set()

    def passed(self, moment: str) -> None:
        """Tell it, the first time; at the last moment of this process stop for ever."""
        if moment in self._passed:
            return
        self._passed.add(moment)
        self._tell(f"{PASSED} {moment}")
        if moment == self._stop_at:
            self._tell(STOPPED)
            while True:
                signal.pause()


def follow(lines: Iterable[str], kill: Callable[[], None]) -> tuple[list[str], str]:
    """Read what a process tells, and kill it where it stops.

    Gives the moments that it has passed, and the first line that tells something else; empty if
    the lines have ended without one.
    """
    passed: list[str] = []
    for line in lines:
        word, _, moment = line.rstrip("\n").partition(" ")
        if word == PASSED:
            passed.append(moment)
        elif word == STOPPED:
            kill()
        else:
            return passed, line.rstrip("\n")
    return passed, ""
