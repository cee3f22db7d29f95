"""`settlement sandbox`: the stand-in for the partner API, with the demo's world."""

from __future__ import annotations

import os
import socket
import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from partner_sandbox.defaults import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_WORLD
from partner_sandbox.world import World
from partner_sandbox.worlds import WORLDS, world_called
from settlement.errors import ConfigurationError
from settlement.ledger.install.embedded import home
from settlement_airflow.cli.console import say


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(sandbox)


def sandbox(
    *,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where to listen.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", min=1, max=65535, help="And on which port.", show_default="8480"
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where it keeps what it booked; sandbox.sqlite in SETTLEMENT_HOME if left out.",
        ),
    ] = None,
    world: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Kind of partner: {', '.join(WORLDS)}, or a TOML file with a world of your own.",
            show_default="demo",
        ),
    ] = None,
) -> None:
    """Start the stand-in for the partner API and serve until Ctrl-C.

    For trying everything out without an account: it checks signatures and amounts, books, answers
    as the real one is known to (409 too), and remembers what it booked. Nothing real moves.

    **Example**

        settlement sandbox
        settlement sandbox --port 9000 --store /tmp/sandbox.sqlite
        settlement sandbox --world disputes
    """
    from partner_sandbox.server import serve  # noqa: PLC0415 - not for --help

    host, port = host or DEFAULT_HOST, port or DEFAULT_PORT
    file = store or home() / "sandbox.sqlite"
    books = _world_called(world or DEFAULT_WORLD)
    _require_free(host, port)
    _require_writable(file)
    enterprises = ", ".join(each.enterprise_id for each in books.partners)
    say(f"sandbox for enterprise {enterprises} at http://{host}:{port}, booked in {file}")
    try:
        serve(host, port, file, books)
    except (sqlite3.Error, OSError) as error:
        raise ConfigurationError(
            f"{file} is not a store of the sandbox ({error}): name another file with --store"
        ) from None


def _world_called(name: str) -> World:
    """The partners to stand in for.

    :raises ConfigurationError: if there is no such world, or the file is none
    """
    try:
        return world_called(name)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no world '{name}' ({error}): name one of {', '.join(WORLDS)}, or a TOML file"
        ) from None


def _require_free(host: str, port: int) -> None:
    """Say in one sentence what the server would log and exit for.

    :raises ConfigurationError: if nothing can listen there
    """
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port} ({error}): is a sandbox running already? "
            "Choose another port with --port"
        ) from None


def _require_writable(file: Path) -> None:
    """Make the store's folder; tell one that is somebody else's from a file that is no store.

    :raises ConfigurationError: if the store could not be written there
    """
    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {folder} of the sandbox's store cannot be made ({error.strerror}): name "
            "another file with --store"
        ) from None
    for each, needed in ((folder, os.W_OK | os.X_OK), (file, os.R_OK | os.W_OK)):
        if each.exists() and not os.access(each, needed):
            raise ConfigurationError(
                f"the sandbox cannot keep what it books in {file}: {each} belongs to user "
                f"{each.stat().st_uid} and user {os.geteuid()}, who runs this, may not write it. "
                "Give it to that user, or name another file with --store"
            )
