"""The sandbox in a process of its own, with as many clients as wanted, over TLS if it is asked."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from partner_sandbox.connection_dropping import DroppingProtocol
from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.server import create_app
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - an address that is not loopback: only then it is paced


def command(port: int, clients: int, certificate: Path | None = None) -> list[str]:
    """Command line that serves it.

    :param certificate: PEM file with key and certificate; plain HTTP on loopback without one
    """
    options = [] if certificate is None else ["--certificate", str(certificate)]
    return [sys.executable, __file__, str(port), str(clients), *options]


def main() -> None:
    """Serve until terminated."""
    parser = ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("clients", type=int)
    parser.add_argument("--certificate", type=Path)
    asked = parser.parse_args()
    world = demo_world(asked.clients)
    uvicorn.run(
        create_app(Sandbox(Store(), lambda: datetime.now(UTC), Settings(), world)),
        host=EVERY_ADDRESS if asked.certificate else "127.0.0.1",
        port=asked.port,
        ssl_certfile=asked.certificate,
        http=DroppingProtocol,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
