"""Five hundred business days with faults, crashes, clears and people; the promises hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settlement.ledger.embedded import EmbeddedServer
from simulation.databases import Databases
from simulation.story import Story

WORLDS = 50
DAYS = 10


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedServer) -> Iterator[Databases]:
    """Ledgers with a simulated clock on the session's server."""
    databases = Databases(postgres)
    databases.prepare()
    yield databases
    databases.close()


@pytest.mark.parametrize("seed", range(1, WORLDS + 1))
def test_the_promises_hold_in_every_world(databases: Databases, seed: int) -> None:
    """Never twice, written ahead, green means settled, exact, explained; and it all comes right."""
    Story(databases, seed, DAYS).play()


def test_a_world_is_the_same_every_time(databases: Databases) -> None:
    """The same seed tells the same story, so that a failure can be replayed."""
    first = Story(databases, 4, 3)
    first.play()
    second = Story(databases, 4, 3)
    second.play()
    assert first.world.trace == second.world.trace
