"""Where the story plays: a fresh home, a running sandbox, and the command `settlement`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import Request, urlopen

from rich.console import Console
from sqlalchemy import text

from partner_sandbox.demo_world import DEMO_TOKEN, DEMO_XPRV
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import free_port
from settlement_airflow.up.stack import settlement

START_TIMEOUT_S = 30
WAREHOUSE_FILE = "warehouse.duckdb"


@dataclass(frozen=True)
class Stage:
    """The story's home folder, its sandbox and its environment."""

    console: Console
    home: Path
    sandbox_url: str
    environment: Mapping[str, str]

    def chapter(self, title: str, words: str) -> None:
        """Begin a chapter."""
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left")
        self.console.print(words)

    def command(self, *arguments: str) -> int:
        """Type a `settlement` command, show it and what it prints; its exit code."""
        self.console.print(f"\n[bold green]$[/] settlement {' '.join(arguments)}")
        done = subprocess.run(  # noqa: S603 - our own command
            settlement(*arguments), env=self._variables(), check=False
        )
        return done.returncode

    def control(self, method: str, path: str, content: object = None) -> Any:
        """Call the sandbox's control API."""
        data = None if content is None else json.dumps(content).encode()
        request = Request(  # noqa: S310 - loopback, our own port
            f"{self.sandbox_url}/_control/{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def lose_the_ledger(self) -> None:
        """Drop the ledger's database, as if its disk had died."""
        server = EmbeddedServer.start(self.home / "ledger")
        admin = Ledger.connect(server.url("postgres"))
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"DROP DATABASE {LEDGER} WITH (FORCE)"))
        admin.engine.dispose()
        server.stop()

    def _variables(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


@contextmanager
def set_up(console: Console, home: Path) -> Iterator[Stage]:
    """A fresh home and a running sandbox; the sandbox ends with the story."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    port = free_port(0)
    environment = {
        "SETTLEMENT_HOME": str(home),
        "SETTLEMENT_RETRY_DELAY_S": "1",
        **_connections(home, port),
    }
    with (home / "sandbox.log").open("wb") as log:
        sandbox = subprocess.Popen(  # noqa: S603 - our own command
            settlement("sandbox", "--port", str(port), "--store", str(home / "sandbox.sqlite")),
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
        try:
            stage = Stage(console, home, f"http://127.0.0.1:{port}", environment)
            _wait_for(stage, sandbox)
            yield stage
        finally:
            sandbox.terminate()
            sandbox.wait()


def _connections(home: Path, port: int) -> dict[str, str]:
    """Airflow connections of the story; the ledger is the embedded default."""
    connections = {
        "WAREHOUSE": {"conn_type": "duckdb", "host": str(home / WAREHOUSE_FILE)},
        "PARTNER_API": {
            "conn_type": "bitgo_network",
            "host": f"http://127.0.0.1:{port}",
            "password": DEMO_TOKEN,
        },
        "SIGNING_KEY": {"conn_type": "settlement_signing_key", "password": DEMO_XPRV},
    }
    return {f"AIRFLOW_CONN_{name}": json.dumps(each) for name, each in connections.items()}


def _wait_for(stage: Stage, sandbox: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + START_TIMEOUT_S
    while True:
        try:
            stage.control("GET", "health")
        except OSError:
            if sandbox.poll() is not None or monotonic() > deadline:
                raise RuntimeError(
                    f"the sandbox does not start: see {stage.home / 'sandbox.log'}"
                ) from None
            sleep(0.1)
        else:
            return
