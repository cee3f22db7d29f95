"""Ordering doomed processes, and killing them where they stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crash.doomed_run import Order
from support.doomed import follow
from support.kill import kill_group


class NotAsOrdered(AssertionError):  # noqa: N818 - a finding, as the simulation's
    """A process did something else than it was ordered to."""


@dataclass
class Ended:
    """How a process ended; the code of a killed one is negative."""

    code: int
    passed: list[str]


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
        pid = int(self._expect("child", self._answer()))
        passed, last = follow(iter(self._answer, ""), lambda: kill_group(pid))
        code = int(self._expect("ended", last))
        self._forget_private_airflow(pid)
        return Ended(code, passed)

    def rehearse(self, *arguments: str, environment: Mapping[str, str]) -> None:
        """The first order."""
        self._order(arguments, environment, None)
        self._expect("ready", self._answer())

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

    def _expect(self, word: str, answer: str) -> str:
        """What follows the word in an answer of the server."""
        said, _, rest = answer.partition(" ")
        if said != word:
            raise NotAsOrdered(f"the server says {answer!r} instead of {word}: see {self.output}")
        return rest

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
