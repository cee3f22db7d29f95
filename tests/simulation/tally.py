"""The tally of a search: one line for each world that was lived through without a broken promise.

A search that was interrupted goes on where it stopped; worlds of other code do not count.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from settlement.ledger.install.embedded import home
from simulation.kinds import PartnerKind


class Tally:
    """Worlds that have passed with this code and kind, in `simulation.jsonl` of SETTLEMENT_HOME."""

    def __init__(self, code: str, kind: PartnerKind, path: Path | None = None) -> None:
        self._code = code
        self._kind = kind
        self.path = path or home() / "simulation.jsonl"
        self.passed: dict[int, int] = {}
        """Days lived, by seed."""
        self.accidents: Counter[str] = Counter()
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._read(line)

    def world_passed(self, seed: int, days: int, accidents: Mapping[str, int]) -> None:
        """Remember a world, on disk at once."""
        entry = {
            "code": self._code,
            "kind": self._kind,
            "seed": seed,
            "days": days,
            "accidents": dict(accidents),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self._count(entry)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return  # the last line of a search that was killed while writing
        if (entry["code"], entry["kind"]) == (self._code, self._kind):
            self._count(entry)

    def _count(self, entry: Mapping[str, object]) -> None:
        seed, days, accidents = entry["seed"], entry["days"], entry["accidents"]
        assert isinstance(seed, int)
        assert isinstance(days, int)
        assert isinstance(accidents, dict)
        if seed not in self.passed:
            self.passed[seed] = days
            self.accidents.update(accidents)
