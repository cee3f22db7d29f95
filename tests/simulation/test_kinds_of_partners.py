"""Business days with crashes, faults and people, for the other kinds of partners."""

from __future__ import annotations

import pytest

from simulation.databases import Databases
from simulation.kinds import PartnerKind
from simulation.story import Story
from simulation.worlds import DAYS_OF_A_WORLD

SEEDS = range(1, 11)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [PartnerKind.DISPUTES, PartnerKind.BROKER])
def test_the_promises_hold_for_every_kind(
    databases: Databases, kind: PartnerKind, seed: int
) -> None:
    """Windows pass and clients dispute; or clients settle with each other only."""
    Story(databases, seed, DAYS_OF_A_WORLD, kind).play()
