"""The services of docker-compose.yaml on this machine, without Docker.

Changed is only what one machine cannot share: hosts become loopback, ports free ones, a folder
inside a container becomes a folder of that service.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from settlement_airflow.up.place import free_port
from settlement_airflow.up.stack import PROJECT
from support.compose_file import Service

LISTENING = ("api-server", "redis", "sandbox")
LOGS_SERVED = (
    "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT",
    "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT",
)


def _free_ports() -> dict[str, int]:
    return {name: free_port(0) for name in LISTENING}


@dataclass(frozen=True)
class Here:
    """Where everything lies on this machine.

    :param home: an empty folder
    :param postgres: folder of PostgreSQL's socket
    :param programs: folder of PostgreSQL's programs
    """

    home: Path
    postgres: Path
    programs: Path
    ports: dict[str, int] = field(default_factory=_free_ports)

    def placed(self, service: Service) -> Service:
        """The service as it can be started here."""
        placed = service.changed(lambda text: self._moved(service.name, text))
        added = self._added(service.name)
        assert not added.keys() & placed.environment.keys(), "what the file says must count"
        return replace(
            placed,
            command=self._on_its_port(placed),
            environment={**placed.environment, **added},
        )

    def folder(self, name: str) -> Path:
        """What is a service's alone, like the temporary file systems of a container."""
        folder = self.home / name
        (folder / "airflow").mkdir(parents=True, exist_ok=True)
        (self.home / "logs").mkdir(exist_ok=True)
        logs = folder / "airflow" / "logs"  # the one volume that all of Airflow shares
        if not logs.exists():
            logs.symlink_to(self.home / "logs")
        return folder

    def _moved(self, name: str, text: str) -> str:
        folder, api = self.folder(name), f"127.0.0.1:{self.ports['api-server']}"
        moves = {
            "/opt/settlement": str(PROJECT),
            "/opt/airflow": str(folder / "airflow"),
            "/tmp/settlement": str(folder / "settlement"),  # noqa: S108 - the container's
            "/var/lib/sandbox": str(folder),
            "@postgres/airflow": f"@/airflow?host={self.postgres}",
            '"host": "postgres"': f'"host": "{self.postgres}"',
            "redis:6379": f"127.0.0.1:{self.ports['redis']}",
            "127.0.0.1:8480": f"127.0.0.1:{self.ports['sandbox']}",
            "api-server:8080": api,
            "localhost:8080": api,
            "127.0.0.1:8080": api,
            "$(hostname)": name,
        }
        for before, after in moves.items():
            text = text.replace(before, after)
        return text

    def _added(self, name: str) -> dict[str, str]:
        """What the image sets, and what a container has for itself: a host name, all ports."""
        folder = self.folder(name)
        programs = [str(Path(sys.executable).parent), str(self.programs), os.environ["PATH"]]
        return {
            "PATH": os.pathsep.join(programs),
            "HOME": str(folder),
            "SPT_NOENV": "1",  # else a process that sets its title hides its environment with it
            "AIRFLOW_HOME": str(folder / "airflow"),
            "PGHOST": str(self.postgres),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "getpass.getuser",
            "LOGNAME": name,
            "SETTLEMENT_PARTNERS_DIR": str(self.home / "partners"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["api-server"]),
            **{setting: str(free_port(0)) for setting in LOGS_SERVED},
        }

    def _on_its_port(self, service: Service) -> tuple[str, ...]:
        name, command = service.name, service.command
        if name == "redis":
            more = f" --port {self.ports[name]} --bind 127.0.0.1 --dir {self.folder(name)}"
            return (*command[:-1], command[-1] + more)
        if name == "sandbox":
            return (*command, "--port", str(self.ports[name]))
        if "celery" in command:
            return (*command, "--celery-hostname", f"celery@{name}")
        return command
