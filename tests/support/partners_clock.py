"""The partner's clock, which a test moves on: windows end without anybody waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

WINDOWS = timedelta(minutes=90)
"""An hour for disputes and half an hour to top up, as the sandbox's demo has them."""


class PartnersClock:
    """Now, and what a test has let pass; with `per_reading`, more passes whenever it is read."""

    def __init__(self) -> None:
        self.passed = timedelta(0)
        self.per_reading = timedelta(0)

    def __call__(self) -> datetime:
        """Now, there."""
        self.passed += self.per_reading
        return datetime.now(UTC) + self.passed

    def windows_end(self) -> None:
        """Both windows are over."""
        self.passed += WINDOWS
