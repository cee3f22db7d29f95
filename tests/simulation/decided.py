"""What the ledger of now knows of what was decided about trades: a lost one forgets it."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date


@dataclass
class Decided:
    """Decisions that change which trades a date settles."""

    changes_settled: set[date] = field(default_factory=set)
    """Dates of which a person has settled that trades changed."""
    left_out: defaultdict[date, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Trades that are another date's: a person has left them out of this one."""
    ever_left_out: defaultdict[date, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Also those of which a person has said otherwise since, in answer to another question."""

    def copy(self) -> Decided:
        """The same decisions, for a copy of the ledger."""
        return deepcopy(self)
