"""What a ledger takes of a partner's limits, in plain Python: no SQL, no plan, no lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from settlement.config.limits import Limits
from settlement.slot.difference import Fill
from settlement.values import Line

Lines: TypeAlias = tuple[Line, ...]
Sums: TypeAlias = Counter[str]
"""Number of requests, and gross per currency in base units."""


def sums_of(bodies: Iterable[Lines]) -> Sums:
    """Requests and gross of some bodies."""
    sums: Sums = Counter()
    for lines in bodies:
        sums["requests"] += 1
        for each in lines:
            sums[each.currency] += abs(each.amount)
    return sums


@dataclass
class Known:
    """One slot; `foreign`: no build made its current body; `changed`: hour of the last evidence."""

    day: date
    state: str = "withdrawn"
    bodies: list[Lines] = field(default_factory=list)
    current: Lines | None = None
    foreign: bool = False
    changed: int = 0

    def takes_of_date(self, day: date) -> bool:
        """Whether it counts for a business date."""
        nothing_there = self.state in {"withdrawn", "refused", "rejected"}
        return self.day == day and not nothing_there

    def takes_of_day(self, now: int) -> bool:
        """Whether it counts within 24 hours."""
        may_still_move = self.state in {"prepared", "unknown", "pending", "failed"}
        moved_lately = self.state in {"completed", "diverged"} and now - self.changed < 24
        return not self.foreign and (may_still_move or moved_lately)


@dataclass
class Oracle:
    """All slots of a partner by externalId, and the hour."""

    slots: dict[str, Known] = field(default_factory=dict)
    now: int = 0

    def within(self, *states: str, day: date | None = None) -> list[str]:
        """ExternalIds of the slots in one of these states, of one date if it is given."""
        return [
            name
            for name, each in self.slots.items()
            if each.state in states and day in (None, each.day)
        ]

    def taken(self, day: date) -> tuple[Sums, Sums]:
        """What the date and the rolling day have taken, but what the date would build anew."""
        others = [s for s in self.slots.values() if (s.day, s.state) != (day, "prepared")]
        return (
            sums_of(each.current for each in others if each.takes_of_date(day)),
            sums_of(each.current for each in others if each.takes_of_day(self.now)),
        )

    def fits(self, limits: Limits, day: date, bodies: Sequence[Lines]) -> bool:
        """Whether these bodies may be built now."""
        new = sums_of(bodies)
        caps = (
            limits.gross_per_date | {"requests": limits.requests_per_date},
            limits.gross_per_day | {"requests": limits.requests_per_day},
        )
        return all(
            new[each] == 0 or taken[each] + new[each] <= allowed[each]
            for allowed, taken in zip(caps, self.taken(day), strict=True)
            for each in allowed
        )

    def note_build(self, day: date, filled: Mapping[str, Fill], withdrawn: Sequence[str]) -> None:
        """Learn what was built; a body that stayed as it was is no new one."""
        for name, fill in filled.items():
            each = self.slots.setdefault(name, Known(day))
            if (each.state, each.current) != ("prepared", fill.lines):
                each.bodies.append(fill.lines)
            each.state, each.current = "prepared", fill.lines
        for name in withdrawn:
            if self.slots[name].state == "prepared":
                self.slots[name].state, self.slots[name].current = "withdrawn", None
