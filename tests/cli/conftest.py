"""The command in this process, and in one of its own where it runs a DAG."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL

ROOT = Path(__file__).parents[2]
if "airflow" not in sys.modules:  # else another room's tests have set it up already
    HOME = Path(tempfile.mkdtemp(prefix="airflow"))
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
        SETTLEMENT_RETRY_DELAY_S="0",
    )

from typer.testing import CliRunner  # noqa: E402 - Airflow's settings come first

from settlement.ledger.chain import Event, read_events  # noqa: E402
from settlement.ledger.database import Ledger  # noqa: E402
from settlement.ledger.install.embedded import EmbeddedServer  # noqa: E402
from settlement_airflow.cli import run  # noqa: E402
from settlement_airflow.cli.app import app  # noqa: E402
from support.airflow_day import AirflowDay, airflow_day  # noqa: E402
from support.hurried_airflow import hurry  # noqa: E402

COMMAND = [sys.executable, "-c", "from settlement_airflow.cli import main; main()"]
TIMEOUT_S = 240


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SETTLEMENT_HOME of this test's own."""
    monkeypatch.setenv("SETTLEMENT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def shared_home() -> Iterator[Path]:
    """A SETTLEMENT_HOME whose private Airflow is prepared once a session."""
    with tempfile.TemporaryDirectory(prefix="home") as folder:
        yield Path(folder)


@pytest.fixture
def day(
    home: Path, ledger_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AirflowDay]:
    """A day with two trades between four clients, ready to be settled."""
    with airflow_day(ledger_url, tmp_path, monkeypatch) as day:
        yield day


@pytest.fixture
def command() -> Command:
    """The command in this process."""
    runner = CliRunner()

    def invoke(*arguments: str) -> Ended:
        done = runner.invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ended(done.exit_code, done.stdout, done.stderr)

    return invoke


@pytest.fixture
def run_here(
    command: Command,
    airflow_metadata: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """`settlement run` in this process, where its private Airflow would be another to import."""
    hurry(monkeypatch, airflow_metadata)
    monkeypatch.setattr(run, "private_metadata", lambda _: nullcontext())
    level = logging.getLogger().level

    def invoke(*arguments: str) -> Ended:
        ended = command("run", *arguments)
        return Ended(ended.code, ended.out, capfd.readouterr().err + ended.err)

    yield invoke
    logging.getLogger().setLevel(level)


@pytest.fixture
def command_process(shared_home: Path) -> Command:
    """The command in a process of its own, which knows no Airflow but the connections given."""

    def run(*arguments: str, **variables: str) -> Ended:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "_AIRFLOW")) or name.startswith("AIRFLOW_CONN_")
        }
        here = {
            "HOME": str(shared_home),
            "SETTLEMENT_HOME": str(shared_home),
            "SETTLEMENT_RETRY_DELAY_S": "0",
        }
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=kept | here | variables,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def events(ledger: Ledger, kind: str, partner: str = "demo") -> list[Event]:
    """Events of one kind."""
    with ledger.transaction() as tx:
        return [each for each in read_events(tx, partner) if each.kind == kind]


@pytest.fixture
def empty_ledger(postgres: EmbeddedServer) -> str:
    """Airflow connection of a ledger that was never upgraded."""
    url = postgres.url(f"never_{uuid.uuid4().hex[:12]}")
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": url.query["host"],
            "login": url.username,
            "schema": url.database,
        }
    )
