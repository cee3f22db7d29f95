"""Moments at which a process can die, or another one can get ahead of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Moment(StrEnum):
    """Where the simulation may step in."""

    BEFORE_TRANSACTION = "before a transaction"
    WRITE = "before a write"
    BEFORE_COMMIT = "before a commit"
    AFTER_COMMIT = "after a commit"
    BEFORE_SEND = "before a request is sent"
    AFTER_ANSWER = "after a request was handled, before its answer is stored"


BETWEEN_TRANSACTIONS = frozenset(
    {Moment.BEFORE_TRANSACTION, Moment.BEFORE_SEND, Moment.AFTER_ANSWER}
)
"""Moments at which another process can run: nothing is locked."""


class Crash(BaseException):
    """The process dies here."""


class Moments:
    """Counts moments down to a planned crash or intrusion."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._crash: tuple[Moment, int] | None = None
        self._intrusion: tuple[int, Callable[[], None]] | None = None
        self._intruding = False

    def plan_crash(self, moment: Moment, count: int) -> None:
        """Die at the `count`-th such moment from now."""
        self._crash = (moment, count)

    def plan_intrusion(self, count: int, intrude: Callable[[], None]) -> None:
        """Let `intrude` run at the `count`-th moment between transactions from now."""
        self._intrusion = (count, intrude)

    def cancel_intrusion(self) -> None:
        """Let nobody step in any more."""
        self._intrusion = None

    def cancel_crash(self) -> None:
        """Let nobody die any more."""
        self._crash = None

    def reach(self, moment: Moment, *, quiet: bool = True) -> None:
        """A process is at this moment; `quiet`: it holds no transaction open."""
        if moment in BETWEEN_TRANSACTIONS and quiet and not self._intruding:
            self._maybe_intrude(moment)
        self._maybe_crash(moment)

    def _maybe_intrude(self, moment: Moment) -> None:
        if self._intrusion is None:
            return
        count, intrude = self._intrusion
        if count > 1:
            self._intrusion = (count - 1, intrude)
            return
        self._intrusion = None
        self._intruding = True
        self._tell(f"  {{ another run steps in {moment}")
        try:
            intrude()
        finally:
            self._intruding = False
            self._tell("  }")

    def _maybe_crash(self, moment: Moment) -> None:
        if self._crash is None or self._crash[0] is not moment:
            return
        count = self._crash[1]
        if count > 1:
            self._crash = (moment, count - 1)
            return
        self._crash = None
        self._tell(f"  crash {moment}")
        raise Crash(moment)
