"""docker-compose.yaml as Compose reads it: each service with its command and environment."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from settlement_airflow.up.stack import PROJECT

VARIABLE = re.compile(r"\$\$|\$\{(\w+):\?[^}]*\}")
LINE = re.compile(r"^(\w+)=(.+)$", re.MULTILINE)
FOR_REHEARSALS = re.compile(r"^# +(PARTNER_API_URL|PARTNER_API_TOKEN|SIGNING_XPRV)=(.+)$", re.M)


@dataclass(frozen=True)
class Service:
    """One service; `health` is the command that tells whether it works."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...]

    def changed(self, change: Callable[[str], str]) -> Service:
        """The service with every text of it changed."""
        return replace(
            self,
            command=tuple(change(each) for each in self.command),
            environment={name: change(each) for name, each in self.environment.items()},
            health=tuple(change(each) for each in self.health),
        )


def env_for_rehearsals() -> dict[str, str]:
    """The .env of docs/deployment.md: new secrets, and what the sandbox publishes."""
    new_env = str(PROJECT / "include" / "compose" / "new_env.py")
    ours = subprocess.check_output([sys.executable, new_env], text=True)
    published = FOR_REHEARSALS.findall((PROJECT / ".env.example").read_text())
    return dict([*LINE.findall(ours), *published])


def services_with(env: Mapping[str, str]) -> dict[str, Service]:
    """All services, their variables filled in.

    :raises KeyError: if a variable is not given
    """
    described = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())["services"]
    return {
        name: _service(name, each).changed(lambda text: _filled(text, env))
        for name, each in described.items()
    }


def _service(name: str, described: Mapping[str, Any]) -> Service:
    how, *test = described.get("healthcheck", {}).get("test", ["CMD"])
    return Service(
        name,
        tuple(described.get("command", ())),
        described.get("environment", {}),
        ("sh", "-c", *test) if how == "CMD-SHELL" else tuple(test),
    )


def _filled(text: str, env: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: env[found[1]] if found[1] else "$", text)
