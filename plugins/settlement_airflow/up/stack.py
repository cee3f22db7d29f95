"""A whole Airflow on this machine: real scheduler, api-server, dag-processor and triggerer.

For a first look and for the tests; a deployment runs the same components its own way. Every
component is its own process group, so that stopping leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import URL

from settlement_airflow.up.keys import kept_keys
from settlement_airflow.up.place import free_port

PROJECT = Path(__file__).parents[3]
LOGIN = ("admin", "admin")
APPROVER = ("approver", "approver")
"""A second person: whoever starts a run cannot approve it."""
STOP_TIMEOUT_S = 15
START_TIMEOUT_S = 180
POOL, POOL_SLOTS = "partner_api", 2
LOG_PORT = "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"
LOG_SERVER = "airflow.utils.serve_logs.log_server:get_app"


class StackError(RuntimeError):
    """A component did not start, or ended by itself; the text names its log."""


def airflow_settings(home: Path, metadata: URL, port: int) -> dict[str, str]:
    """Environment of all components: one machine, loopback only, the project's folders.

    :param metadata: Airflow's own database; PostgreSQL, since SQLite fails under concurrency
    """
    address = f"http://127.0.0.1:{port}"
    home.mkdir(parents=True, exist_ok=True)
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps(dict([LOGIN, APPROVER])))
    logs_served_at = str(free_port(0))
    return {
        **kept_keys(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "settlement_airflow.up.loopback.address",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN[0]}:admin,{APPROVER[0]}:op",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _metadata_url(metadata),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": logs_served_at,
        LOG_PORT: logs_served_at,
        # Also how late a worker may notice that a task was skipped, often 5 s otherwise.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }


def _metadata_url(url: URL) -> str:
    return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


@dataclass
class LocalStack:
    """The components, started in order and stopped together."""

    home: Path
    environment: Mapping[str, str]
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Migrate the metadata database, make the pool, start all components of Airflow.

        :raises StackError: naming the component's log if one does not come up
        """
        self.set_up()
        self.start_api_server()
        self.start_parsing()
        self.start_working()

    def set_up(self) -> None:
        """Migrate the metadata database and make the pool.

        :raises StackError: naming the log if that fails
        """
        self.run("db", "migrate")
        self.run("pools", "set", POOL, str(POOL_SLOTS), "Calls of the partner API")

    def start_parsing(self) -> None:
        """Start what reads the DAG files; nothing runs before `start_working`."""
        self.spawn("dag-processor", _airflow("dag-processor"))

    def start_working(self) -> None:
        """Start what schedules and runs, and what serves the logs of tasks that run."""
        for component in ("scheduler", "triggerer"):  # their own log servers take no address
            self.spawn(component, _airflow(component, "--skip-serve-logs"))
        where = ("--host", "127.0.0.1", "--port", self.environment[LOG_PORT])
        self.spawn("log-server", [sys.executable, "-m", "uvicorn", "--factory", LOG_SERVER, *where])

    def start_api_server(self) -> None:
        """Start what serves the UI, on a database that is migrated, and wait until it answers.

        :raises StackError: naming its log if it does not come up
        """
        self.spawn(
            "api-server",
            [*_airflow("api-server"), "--host", "127.0.0.1", "--port", str(self.port)],
        )
        self.wait_for(f"http://127.0.0.1:{self.port}/api/v2/monitor/health", "api-server")

    def run(self, *arguments: str) -> None:
        """Run one airflow command to its end.

        :raises StackError: if it fails
        """
        log = self._log(arguments[0])
        with log.open("ab") as output:
            done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
                _airflow(*arguments),
                env=self._all_variables(),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        if done.returncode != 0:
            raise StackError(f"airflow {' '.join(arguments)} failed: see {log}")

    def spawn(self, name: str, command: list[str]) -> None:
        """Start one component in a process group of its own."""
        with self._log(name).open("ab") as output:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own arguments
                command,
                env=self._all_variables(),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_for(self, url: str, name: str) -> None:
        """Wait until a component answers at `url`.

        :raises StackError: if it ends before it does, or takes too long
        """
        deadline = monotonic() + START_TIMEOUT_S
        while monotonic() < deadline:
            self.require_alive([name])
            try:
                with urlopen(url, timeout=2):  # noqa: S310 - loopback, our own port
                    return
            except (URLError, OSError):
                sleep(0.3)
        raise StackError(f"{name} does not answer at {url}: see {self._log(name)}")

    def require_alive(self, names: Iterable[str] | None = None) -> None:
        """Raise if a component has ended by itself.

        :raises StackError: naming its log
        """
        for name in names or self.processes:
            if self.processes[name].poll() is not None:
                raise StackError(f"{name} has ended: see {self._log(name)}")

    def stop(self) -> None:
        """End every process group: politely, then for good."""
        for process in self.processes.values():
            _signal_group(process, signal.SIGTERM)
        deadline = monotonic() + STOP_TIMEOUT_S
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def _all_variables(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _log(self, name: str) -> Path:
        folder = self.home / "logs" / "components"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.log"


def write_commands(folder: Path, environment: Mapping[str, str]) -> None:
    """Write `airflow` and `settlement` for people in another terminal: they meet this Airflow.

    Only their owner may read them: the environment holds the secrets of the place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    for name, command in (("airflow", _airflow()), ("settlement", settlement())):
        path = folder / name
        path.touch()
        path.chmod(0o700)
        path.write_text("\n".join(["#!/bin/sh", *settings, f'exec {shlex.join(command)} "$@"', ""]))


def settlement(*arguments: str) -> list[str]:
    """Command line of the command `settlement` in this virtual environment."""
    return [sys.executable, "-c", "from settlement_airflow.cli import main; main()", *arguments]


def _airflow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
