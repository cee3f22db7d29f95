"""Ports that a local Airflow needs: a taken one is said, never silently another."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from partner_sandbox.defaults import DEFAULT_PORT
from partner_sandbox.demo_world import DEMO_PARTNER
from settlement.errors import ConfigurationError
from settlement.ledger.binding import binding_of
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import free_port


def require_free(port: int, who: str, variable: str) -> None:
    """Say whose port is taken, before anything is started.

    :param variable: of make, names another port
    :raises ConfigurationError: if something listens there
    """
    try:
        free_port(port)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"port {port} of 127.0.0.1 cannot be used ({error}), and {who} needs it. End what "
            f"listens there, another `make up` perhaps, or choose: make up {variable}=<port>"
        ) from None


def sandbox_port(server: EmbeddedServer, asked: int | None) -> int:
    """Port of the sandbox: the one that the ledger knows the partner by, if it knows it.

    :raises ConfigurationError: if another one is asked for: every run would end in a binding
        conflict
    """
    known = _known_port(server)
    if asked is not None and known not in (None, asked):
        raise ConfigurationError(
            f"the ledger in {server.folder} knows the sandbox at port {known}, and {asked} would "
            "be another partner to it. Leave SANDBOX_PORT out, or begin anew with another "
            "SETTLEMENT_HOME"
        )
    return asked or known or DEFAULT_PORT


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Keep a second one out of this folder: two schedulers on one database spoil each other's runs.

    :raises ConfigurationError: if one is running there
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another `make up` is running in {home}: end it first, or choose another "
                "SETTLEMENT_HOME"
            ) from None
        yield


def _known_port(server: EmbeddedServer) -> int | None:
    ledger = Ledger.connect(server.url(LEDGER))
    try:
        with ledger.transaction() as tx:
            bound = binding_of(tx, DEMO_PARTNER)
    finally:
        ledger.engine.dispose()
    return urlsplit(bound["api_base_url"]).port if bound else None
