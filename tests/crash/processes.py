"""Ordering doomed processes, and killing them where they stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crash.doomed_run import Order


class NotAsOrdered(AssertionError):  # noqa: N818 - a finding, as the simulation's
    """A process did something else than it was ordered to."""


@dataclass
class Ended:
    """How a process ended; the code of a killed one is negative."""

    code: int
    passed: list[str] = field(default_factory=list)


class Processes:
    """One server of doomed processes; it has one process at work at a time."""

    def __init__(self, server: subprocess.Popen[str], home: Path) -> None:
        self._server = server
        self.home = home
        self.output = home / "output.log"

    def run(
        self, *arguments: str, environment: Mapping[str, str], stop_at: str | None = None
    ) -> Ended:
        """Run the command; where it stops, it is killed with SIGKILL, its whole process group."""
        self._order(arguments, environment, stop_at)
        ended, pid = Ended(0), 0
        while True:
            word, _, rest = self._answer().partition(" ")
            match word:
                case "child":
                    pid = int(rest)
                case "passed":
                    ended.passed.append(rest)
                case "stopped":
                    os.killpg(pid, signal.SIGKILL)
                case "ended":
                    ended.code = int(rest)
                    self._forget_private_airflow(pid)
                    return ended
                case _:
                    raise NotAsOrdered(f"the server says {word!r}: see {self.output}")

    def rehearse(self, *arguments: str, environment: Mapping[str, str]) -> None:
        """The first order."""
        self._order(arguments, environment, None)
        if self._answer() != "ready":
            raise NotAsOrdered(f"the rehearsal has failed: see {self.output}")

    def _order(
        self, arguments: tuple[str, ...], environment: Mapping[str, str], stop_at: str | None
    ) -> None:
        assert self._server.stdin is not None
        order: Order = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "stop_at": stop_at,
            "output": str(self.output),
        }
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()

    def _answer(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().rstrip("\n")

    def _forget_private_airflow(self, pid: int) -> None:
        """A killed process leaves its private metadata database behind."""
        for left in (self.home / "airflow").glob(f"run-{pid}.db*"):
            left.unlink()


@contextmanager
def process_server(home: Path) -> Iterator[Processes]:
    """Start a server whose processes have `home` as their SETTLEMENT_HOME."""
    home.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    own = {
        "HOME": str(home),
        "SETTLEMENT_HOME": str(home),
        "SETTLEMENT_RETRY_DELAY_S": "0",
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "crash.doomed_run"],
        env=kept | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Processes(server, home)
    finally:
        server.kill()
        server.communicate()
