"""Starting and stopping the services of docker-compose.yaml as processes of this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from support.compose_file import Service
from support.kill import end_groups

MUCH = 3000


@dataclass
class Processes:
    """What runs: one process group for each service that was started."""

    home: Path
    services: Mapping[str, Service]
    groups: dict[str, psutil.Popen] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start services, each with its command and nothing but its environment."""
        for name in names:
            service = self.services[name]
            with self._log(name).open("ab") as output:
                self.groups[name] = psutil.Popen(
                    service.command,
                    env=service.environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )

    def wait_for_the_end(self, *names: str) -> None:
        """Services that do something once; they must succeed."""
        for name in names:
            assert self.groups.pop(name).wait() == 0, self.said(name)

    def run(self, name: str, command: Iterable[str]) -> str:
        """Run a command in the environment of a service; what it prints."""
        done = subprocess.run(
            list(command),
            env=self.services[name].environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command} in {name}: {done.stdout}{done.stderr}"
        return done.stdout

    def environments(self, name: str) -> Iterator[dict[str, str]]:
        """What every process of a service that is running was started with."""
        for process in (self.groups[name], *self.groups[name].children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                yield process.environ()

    def said(self, name: str) -> str:
        """The last that a service has printed."""
        return f"{name}: {self._log(name).read_text()[-MUCH:]}"

    def stop(self) -> None:
        """End every process group: politely, then for good."""
        end_groups(self.groups.values())

    def _log(self, name: str) -> Path:
        return self.home / f"{name}.log"
