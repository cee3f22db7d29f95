"""What kind of world a seed is: which accidents happen in it, and how often.

Worlds in which everything may happen rarely see two accidents meet. So most worlds have a few
kinds only, but a lot of them, some are small and stormy, and in some everybody works at once.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from simulation.kinds import Accident

PER_DAY: Mapping[Accident, float] = {
    Accident.LATE_TRADES: 0.5,
    Accident.CORRECTED: 0.06,
    Accident.DELETED: 0.06,
    Accident.HALF_LOADED: 0.06,
    Accident.MOVED: 0.08,
    Accident.TWIN: 0.08,
    Accident.REPEATED: 0.04,
    Accident.COMMITTED_LATE: 0.08,
    Accident.OUTSIDE: 0.04,
    Accident.RECORDED_AHEAD: 0.03,
    Accident.TWO_DATES: 0.06,
    Accident.KILLED: 0.35,
    Accident.CLEARED: 0.2,
    Accident.CLEARED_DOWNSTREAM: 0.2,
    Accident.MARKED: 0.05,
    Accident.REDELIVERED: 0.05,
    Accident.TWO_WORKERS: 0.1,
    Accident.TWO_RUNS: 0.2,
    Accident.BACKFILL: 0.05,
    Accident.SHUFFLED: 0.3,
    Accident.FAULTS: 0.6,
    Accident.STORM: 0.1,
    Accident.DUPLICATED: 0.05,
    Accident.FUNDS: 0.1,
    Accident.HOLD: 0.08,
    Accident.STOP: 0.05,
    Accident.HOLD_MEANWHILE: 0.02,
    Accident.STOP_MEANWHILE: 0.02,
    Accident.BY_HAND: 0.04,
    Accident.BACKED_UP: 0.12,
    Accident.LOST: 0.08,
    Accident.RESTORED: 0.08,
    Accident.RENAMED: 0.03,
    Accident.CHUNK_SIZE: 0.05,
    Accident.CUT_OFF: 0.04,
    Accident.TIME_ZONE: 0.03,
    Accident.CALENDAR: 0.03,
    Accident.DECIMALS: 0.03,
}
"""Base rates; a world multiplies them. Per day, but for those of tasks: per try of a task."""

MOST = 0.9
TOLD_APART_SHARE = 0.5
STORMY = {
    Accident.STORM: 9.0,
    Accident.LATE_TRADES: 1.5,
    Accident.SHUFFLED: 2.0,
    Accident.CLEARED: 1.0,
    Accident.CLEARED_DOWNSTREAM: 1.0,
    Accident.LOST: 3.0,
    Accident.DUPLICATED: 1.0,
}

CROWDED = {
    Accident.TWO_WORKERS: 7.0,
    Accident.TWO_RUNS: 2.0,
    Accident.REDELIVERED: 3.0,
    Accident.DUPLICATED: 3.0,
    Accident.STORM: 9.0,
    Accident.HOLD_MEANWHILE: 2.0,
    Accident.STOP_MEANWHILE: 2.0,
    Accident.LATE_TRADES: 1.0,
}


UNKIND_WAREHOUSE = {
    Accident.MOVED: 5.0,
    Accident.TWIN: 4.0,
    Accident.REPEATED: 2.0,
    Accident.COMMITTED_LATE: 4.0,
    Accident.OUTSIDE: 3.0,
    Accident.RECORDED_AHEAD: 3.0,
    Accident.DELETED: 2.0,
    Accident.CORRECTED: 2.0,
    Accident.TWO_DATES: 5.0,
    Accident.LATE_TRADES: 1.0,
    Accident.BACKFILL: 4.0,
    Accident.LOST: 1.0,
    Accident.BACKED_UP: 1.0,
    Accident.RESTORED: 1.0,
}
USUAL = {"storm": STORMY, "crowd": CROWDED, "unkind warehouse": UNKIND_WAREHOUSE}


@dataclass(frozen=True)
class Swarm:
    """The character of one world."""

    name: str
    rates: Mapping[Accident, float]
    most_clients: int
    small: bool
    """Few currencies, and few or round amounts, which cancel out."""
    told_apart: bool
    """Amounts from which the partner's books alone say which trades are booked, how often."""

    @classmethod
    def draw(cls, chance: random.Random) -> Swarm:
        """The character of a world, from its seed."""
        name = chance.choices(
            ["anything", "few kinds", "storm", "crowd", "unkind warehouse"], [25, 25, 20, 10, 20]
        )[0]
        small = name in {"storm", "crowd"} or chance.random() < 0.4
        told_apart = chance.random() < TOLD_APART_SHARE
        clients = chance.choice([2, 3] if small else [3, 4, 5])
        return cls(name, _rates(name, chance), clients, small, told_apart)

    def calmed(self) -> Swarm:
        """The same world without accidents."""
        return replace(self, rates={})

    def happens(self, kind: Accident) -> float:
        """Probability of an accident, per day or per try of a task."""
        return self.rates.get(kind, 0.0)


def _rates(name: str, chance: random.Random) -> dict[Accident, float]:
    kinds = list(Accident)
    match name:
        case "anything":
            factors = {kind: chance.choice([0, 0.5, 1, 2]) for kind in kinds}
        case "few kinds":
            factors = {Accident.LATE_TRADES: 1.0, Accident.BACKED_UP: 1.0}
            factors |= dict.fromkeys(chance.sample(kinds, chance.randint(1, 4)), 6.0)
        case _:
            usual = USUAL[name].items()
            factors = {kind: factor * chance.choice([0.5, 1, 1]) for kind, factor in usual}
    return {kind: min(MOST, PER_DAY[kind] * factor) for kind, factor in factors.items()}
