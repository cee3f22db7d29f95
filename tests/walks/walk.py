"""What a walk is, and what has been measured of one that was played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from walks.person import Person
from walks.scene import Scene

MOST_CLICKS = 4
MOST_SECONDS = 10
"""Until somebody has read whether money is at risk."""


@dataclass(frozen=True)
class Walk:
    """One story. `happened`: what has gone wrong, or what somebody wants to do."""

    name: str
    title: str
    happened: str
    play: Callable[[Scene, Person], None]


@dataclass(frozen=True)
class Played:
    """A walk that came to the end that it should come to."""

    walk: Walk
    person: Person

    def misses(self) -> list[str]:
        """Which of the two aims it has missed, in words."""
        found = []
        clicks = max(each.clicks for each in self.person.everybody)
        if clicks > MOST_CLICKS:
            found.append(f"{clicks} clicks")
        if self.person.risk_read_after_s > MOST_SECONDS:
            found.append(f"{self.person.risk_read_after_s:.1f} s until the money at risk is read")
        return found
