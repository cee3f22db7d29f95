"""`make up` as a newcomer meets it, for real: started, stopped, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page

from settlement_airflow.up.first_look import COMPONENTS
from settlement_airflow.up.place import free_port
from support.airflows_at_once import only_airflow
from support.browser import log_in, opened_page
from support.patience import once, until
from support.rest import DAG, FINISHED, AirflowRest

LONGEST_START_S = 900
STORED = {"connection_id": "mine", "conn_type": "http", "password": "stored-before-the-restart"}


@dataclass(frozen=True)
class Up:
    """One start of it: what it has printed once it says where it is."""

    said: str
    url: str
    home: Path
    process: psutil.Popen

    def rest(self) -> AirflowRest:
        """Its REST API."""
        return AirflowRest(self.url)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Type one of the commands that it leaves for another terminal."""
        program, *its = arguments
        typed = [str(self.home / "up" / "bin" / program), *its]
        return subprocess.run(typed, capture_output=True, text=True, check=False)

    def listening(self) -> set[str]:
        """Addresses that its processes listen on."""
        found: set[str] = set()
        for process in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a task that has ended meanwhile
                sockets = process.net_connections("inet")
                found |= {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}
        return found


@contextmanager
def up(home: Path, *ports: str) -> Iterator[Up]:
    """Start the program as `make up` does; stop it with Ctrl-C."""
    log = home / "said.log"
    with log.open("w") as output:
        process = psutil.Popen(
            [sys.executable, "-m", "settlement_airflow.up", *ports],
            env={**os.environ, "SETTLEMENT_HOME": str(home), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: is_up(process, log), f"all of {log}", patience_s=LONGEST_START_S, every_s=1)
        url = f"http://127.0.0.1:{ports[1]}"
        yield Up(log.read_text(), url, home, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def is_up(process: psutil.Popen, log: Path) -> bool:
    """Whether it says that all is up; it has not ended."""
    said = log.read_text()
    assert process.poll() is None, said
    return "Ctrl-C stops everything" in said


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A newcomer's browser."""
    with opened_page() as page:
        yield page


def require_green(started: Up, page: Page) -> None:
    """Every component, every run that has ended, and what the first page shows of them."""
    rest = started.rest()
    health = rest.call("GET", "monitor/health")
    assert {health[each]["status"] for each in COMPONENTS} == {"healthy"}
    runs = rest.call("GET", "dags/~/dagRuns?limit=100")["dag_runs"]
    assert {each["state"] for each in runs if each["dag_id"] == DAG} == {"success"}
    assert {each["state"] for each in runs} & FINISHED == {"success"}
    page.goto(started.url, wait_until="networkidle")
    shown = page.get_by_role("link", name="Failed Dags").inner_text()
    assert shown.split()[0] == "0", shown
    page.goto(f"{started.url}/dags/{DAG}", wait_until="networkidle")
    page.get_by_text("Failed Runs", exact=True).wait_for()
    assert page.get_by_text("Dag Not Found").count() == 0


def test_twice(page: Page) -> None:
    """The second start goes on where the first one stopped, and both begin green."""
    with only_airflow(), tempfile.TemporaryDirectory(prefix="up") as folder:
        home, sandbox = Path(folder), free_port(0)
        with up(home, "--ui-port", str(free_port(0)), "--sandbox-port", str(sandbox)) as first:
            assert " settled." in first.said
            log_in(page, first.url)
            require_green(first, page)
            first.rest().call("POST", "connections", STORED)
            file = home / "up" / "partners" / "demo.toml"
            edited = file.read_text() + "\n# mine\n"
            file.write_text(edited)
        with up(home, "--ui-port", str(free_port(0))) as second:
            assert " settled." in second.said
            assert f"127.0.0.1:{sandbox}/" in second.said
            assert file.read_text() == edited
            require_green(second, page)  # still logged in
            page.goto(f"{second.url}/connections")
            page.get_by_role("cell", name=STORED["connection_id"], exact=True).wait_for()
            once(lambda: watched(second.rest()))
            require_green(second, page)
            assert second.listening() == {"127.0.0.1"}
            looked = second.command("settlement", "doctor", "demo")
            assert looked.returncode == 0, looked.stdout + looked.stderr
            said = " ".join(looked.stdout.split())
            assert "ok pool partner_api has 2 slots" in said
            assert f"ok DAG {DAG} is not paused" in said
            assert "WARNING" not in looked.stderr


def watched(rest: AirflowRest) -> bool:
    """Whether the watch has looked at the settled dates."""
    runs = rest.call("GET", "dags/settlement_watch/dagRuns?limit=100")["dag_runs"]
    return bool(runs) and all(each["state"] in FINISHED for each in runs)
