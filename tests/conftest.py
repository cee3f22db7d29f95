"""Fixtures that every room shares: an embedded PostgreSQL and an empty ledger."""

from __future__ import annotations

import gc
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, Engine, event
from xdist.scheduler import LoadFileScheduling

from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from support.compiled_once import compile_once
from support.postgres import at_once, make_template, running_postgres
from support.washed_ledgers import WashedLedgers

LONGEST_AIRFLOW = "scheduler/test_real_scheduler.py"
OTHER_AIRFLOWS = (
    "clear_fuzz/test_clear_fuzz.py",
    "compose/test_processes.py",
    "browser/test_connection_forms.py",
)
"""They start a real Airflow, one after the other beside the longest: one worker takes them all."""
SLOWEST_FIRST = (
    LONGEST_AIRFLOW,
    *OTHER_AIRFLOWS,
    "airflow/test_evidence_rows.py",
    "airflow/test_decisions.py",
    "airflow/test_disputes.py",
    "airflow/test_pages.py",
    "simulation/test_worlds_even.py",
    "simulation/test_worlds_odd.py",
    "cli/test_run.py",
    "crash/test_crash_matrix.py",
    "warehouse/test_net_positions.py",
    "flow/test_refused_clients.py",
    "flow/test_lost_ledgers.py",
    "cli/test_configured_airflow.py",
)
"""A worker that began one of these last would keep all others waiting."""

settings.register_profile(
    "settlement",
    parent=settings.get_profile("default"),  # the same everywhere: CI has one of its own
    deadline=None,  # how long an example takes says how busy the machine is, not what is wrong
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("settlement")
compile_once()

gc.set_threshold(50_000)  # of the million objects that Airflow makes, hardly any ever goes


class FewAirflowsScheduling(LoadFileScheduling):
    """A file to a worker; all that start a real Airflow, but the longest, to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "other Airflows" if file.removeprefix("tests/") in OTHER_AIRFLOWS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FewAirflowsScheduling:
    """How the tests are spread over workers."""
    return FewAirflowsScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest."""
    places = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        return places.get(item.path.relative_to(here).as_posix(), len(places))

    items.sort(key=place)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """One PostgreSQL server for the session, its socket in a short path."""
    with (
        tempfile.TemporaryDirectory(prefix="pg") as folder,
        running_postgres(Path(folder)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def template_ledger(postgres: EmbeddedServer) -> str:
    """A migrated ledger that each test copies."""
    return make_template(postgres)


@pytest.fixture(scope="session")
def admin(postgres: EmbeddedServer) -> Iterator[Engine]:
    """Makes databases and drops them; each statement counts at once."""
    with at_once(postgres) as engine:
        yield engine


@pytest.fixture(scope="session")
def washed_ledgers(admin: Engine, template_ledger: str) -> WashedLedgers:
    """Empty ledgers that serve one test after the other."""
    return WashedLedgers(admin, template_ledger)


@pytest.fixture
def ledger_url(washed_ledgers: WashedLedgers) -> Iterator[URL]:
    """URL of an empty, migrated ledger of this test's own."""
    with washed_ledgers.one() as url:
        yield url


@pytest.fixture
def fresh_ledger(washed_ledgers: WashedLedgers) -> Iterator[Ledger]:
    """A second empty ledger: what is there after the first was lost."""
    with washed_ledgers.one() as url:
        ledger = Ledger.connect(url)
        yield ledger
        ledger.engine.dispose()


@pytest.fixture
def ledger(ledger_url: URL) -> Iterator[Ledger]:
    """An empty, migrated ledger of this test's own."""
    ledger = Ledger.connect(ledger_url)
    yield ledger
    ledger.engine.dispose()


@pytest.fixture(scope="session")
def airflow_metadata() -> dict[str, str]:
    """Airflow's own database, once a session; the partner files whose DAGs it has."""
    from airflow.utils.db import initdb  # noqa: PLC0415 - after its settings, which rooms make

    event.listen(Engine, "connect", _forget_the_disk)
    initdb()
    return {}


def _forget_the_disk(connection: object, _: object) -> None:
    """Airflow's database is thrown away: a commit need not wait for the disk, a dozen a task."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")
