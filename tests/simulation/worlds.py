"""How many worlds there are, and how one is played."""

from __future__ import annotations

from simulation.databases import Databases
from simulation.story import Story

DAYS_OF_A_WORLD = 5
WORLDS_OF_THE_TESTS = 60


def play(databases: Databases, seed: int) -> None:
    """Live through one world; raises if a promise is broken."""
    Story(databases, seed, DAYS_OF_A_WORLD).play()
