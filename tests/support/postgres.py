"""PostgreSQL for tests: an embedded server that never waits for the disk.

No test cuts its power, so nothing is lost by that; a process that is killed loses nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import upgrade_ledger

FAST_AND_UNSAFE = (
    *("fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off"),
    "file_copy_method = clone",
)
TEMPLATE = "template_ledger"


@contextmanager
def running_postgres(folder: Path) -> Iterator[EmbeddedServer]:
    """Start a server whose data lie in the folder, and stop it; its path must be short."""
    server = EmbeddedServer.start(folder)
    try:
        hurry_postgres(server)
        yield server
    finally:
        server.stop()


def hurry_postgres(server: EmbeddedServer) -> None:
    """Let a server forget about the disk from now on."""
    with at_once(server) as admin, admin.connect() as connection:
        for setting in FAST_AND_UNSAFE:
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))


@contextmanager
def at_once(server: EmbeddedServer) -> Iterator[Engine]:
    """Makes databases and drops them; each statement counts at once."""
    engine = Ledger.connect(server.url("postgres")).engine
    yield engine.execution_options(isolation_level="AUTOCOMMIT")
    engine.dispose()


def make_template(server: EmbeddedServer) -> str:
    """A ledger that is up to date, for others to be copied from; its name."""
    ledger = Ledger.connect(server.url(TEMPLATE))
    upgrade_ledger(ledger)
    ledger.engine.dispose()
    return TEMPLATE
