"""Simulated time: the sandbox and the ledger's database read the same clock."""

from __future__ import annotations

from datetime import datetime, timedelta


class SimulatedClock:
    """Moves only when told to, and never back."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """Now."""
        return self._now

    def pass_time(self, span: timedelta) -> datetime:
        """Let time pass; the new now."""
        self._now += span
        return self._now

    def pass_until(self, instant: datetime) -> datetime:
        """Let time pass until an instant, unless it is over; the new now."""
        self._now = max(self._now, instant)
        return self._now
