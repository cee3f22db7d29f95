"""Arguments that several commands share, checked before anything is opened."""

from __future__ import annotations

import getpass
import uuid
from datetime import date
from typing import Annotated

import typer

from settlement.config.partner_file import PartnerFile, load_partner, load_partners
from settlement.errors import ConfigurationError
from settlement.values import Actor


def parse_day(text: str) -> date:
    """A business date as it is typed."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date: write it like 2026-03-02") from None


def parse_connection(text: str) -> str:
    """A connection id as it is typed; upper case is accepted, the canonical form comes back."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a connection id: a UUID, as `settlement show` prints them"
        ) from None


def given(text: str) -> str:
    """A reason that says something."""
    if not text.strip():
        raise typer.BadParameter("say why: it is kept in the ledger for good")
    return text.strip()


Partner = Annotated[str, typer.Argument(metavar="PARTNER", help="Name of the partner file.")]
Day = Annotated[
    date,
    typer.Argument(metavar="DATE", parser=parse_day, help="Business date, like 2026-03-02."),
]
ExternalId = Annotated[
    str, typer.Argument(metavar="EXTERNALID", help="The request's id, like demo-2026-03-02-1.")
]
ConnectionId = Annotated[
    str,
    typer.Argument(
        metavar="CONNECTION", parser=parse_connection, help="The client's connection id, a UUID."
    ),
]
Reason = Annotated[
    str, typer.Option(metavar="TEXT", parser=given, help="Why; kept in the ledger for good.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs; amounts are strings.")]


def person() -> Actor:
    """Who types."""
    return Actor(f"{getpass.getuser()} (command line)")


def partner_named_or_only(name: str | None) -> PartnerFile:
    """The partner with this name; without one, the only partner there is.

    :raises ConfigurationError: if there is none of that name, or not exactly one without a name,
        or its file is wrong
    """
    if name is not None:
        return load_partner(name)
    names = sorted(load_partners())
    if len(names) != 1:
        raise ConfigurationError(
            f"say which partner with --partner: {', '.join(names) or 'there is no partner file'}"
        )
    return load_partner(names[0])
