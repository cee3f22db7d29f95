"""Moments at which a process can die, or another one can get ahead of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum


class Moment(StrEnum):
    """Where the simulation may step in."""

    BEFORE_TRANSACTION = "before a transaction"
    WRITE = "before a write"
    BEFORE_COMMIT = "before a commit"
    AFTER_COMMIT = "after a commit"
    BEFORE_SEND = "before a request is sent"
    AFTER_ANSWER = "after a request was handled, before its answer is stored"
    READING = "after the trades were read, before they are frozen"


BETWEEN_TRANSACTIONS = (Moment.BEFORE_TRANSACTION, Moment.BEFORE_SEND, Moment.AFTER_ANSWER)
"""Moments at which another process can run: nothing is locked."""

BEFORE_TRANSACTIONS = (Moment.BEFORE_TRANSACTION,)
"""Moments at which a person can decide: what is sent after it has to know of it."""

WHILE_READING = (Moment.READING,)
"""Where another date's run finds the warehouse later than this one has."""

AROUND_EXCHANGES = (Moment.BEFORE_SEND, Moment.AFTER_ANSWER)


class Crash(BaseException):
    """The process dies here."""


@dataclass
class _Plan:
    moments: Collection[Moment]
    count: int

    def is_due(self, moment: Moment) -> bool:
        """Count one moment; whether it is the planned one."""
        if moment not in self.moments:
            return False
        self.count -= 1
        return self.count <= 0


class Moments:
    """Counts moments down to a planned crash or intrusion."""

    def __init__(self, tell: Callable[[str], None], count: Callable[[str], None]) -> None:
        self._tell = tell
        self._count = count
        self._crash: _Plan | None = None
        self._intrusion: tuple[_Plan, str, Callable[[], None]] | None = None
        self._intruding = False

    def plan_crash(self, moment: Moment, count: int) -> None:
        """Die at the `count`-th such moment from now."""
        self._crash = _Plan({moment}, count)

    def plan_intrusion(
        self, moments: Collection[Moment], count: int, who: str, intrude: Callable[[], None]
    ) -> None:
        """Let `intrude` run at the `count`-th of these moments between transactions from now."""
        self._intrusion = (_Plan(moments, count), who, intrude)

    @property
    def may_intrude(self) -> bool:
        """Whether nobody steps in now, or is going to."""
        return self._intrusion is None and not self._intruding

    def cancel_intrusion(self) -> None:
        """Let nobody step in any more."""
        self._intrusion = None

    def cancel_crash(self) -> None:
        """Let nobody die any more."""
        self._crash = None

    def reach(self, moment: Moment, *, quiet: bool = True) -> None:
        """A process is at this moment; `quiet`: it holds no transaction open."""
        if quiet and self._intrusion is not None and not self._intruding:
            self._maybe_intrude(moment)
        if self._crash is not None and self._crash.is_due(moment):
            self._crash = None
            self._tell(f"  killed {moment}")
            self._count(f"worker killed {moment}")
            raise Crash(moment)

    def _maybe_intrude(self, moment: Moment) -> None:
        assert self._intrusion is not None
        plan, who, intrude = self._intrusion
        if not plan.is_due(moment):
            return
        self._intrusion = None
        self._intruding = True
        self._tell(f"  {{ {who} steps in {moment}")
        try:
            intrude()
        finally:
            self._intruding = False
            self._tell("  }")
