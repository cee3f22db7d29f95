"""Business days with crashes, faults, clears and people: the worlds of even seeds.

Two files, so that two test workers share the worlds.
"""

from __future__ import annotations

import pytest

from simulation.databases import Databases
from simulation.worlds import WORLDS_OF_THE_TESTS, play


@pytest.mark.parametrize("seed", range(2, WORLDS_OF_THE_TESTS + 1, 2))
def test_the_promises_hold_in_every_world(databases: Databases, seed: int) -> None:
    """Never twice, written ahead, green means settled, exact, explained; and it all comes right."""
    play(databases, seed)
