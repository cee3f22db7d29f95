"""The ledger that simulated worlds live in, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settlement.ledger.install.embedded import EmbeddedServer
from simulation.databases import DATABASE, Databases


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedServer) -> Iterator[Databases]:
    """A ledger with a simulated clock on the session's server."""
    databases = Databases(postgres.url(DATABASE))
    databases.prepare()
    yield databases
    databases.close()
