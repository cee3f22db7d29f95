"""`settlement hold`: keeping one client out of the settlements for a while."""

from __future__ import annotations

from typing import Annotated

import typer

from settlement.errors import ConfigurationError
from settlement.ledger.people.holds import lift_hold, put_on_hold
from settlement.steps.action import end_of_hold
from settlement_airflow.cli.amounts_shown import at
from settlement_airflow.cli.arguments import ConnectionId, given, partner_named_or_only, person
from settlement_airflow.cli.console import say
from settlement_airflow.cli.workplace import ledger_behind


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(hold)


def hold(
    connection: ConnectionId,
    *,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", parser=given, help="Why; kept in the ledger for good."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="End of the hold, like 2026-03-09 or 2026-03-09T12:00, in the partner's time "
            "zone. Without it, until --end.",
        ),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the hold now.")] = False,
    partner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Needed if there are several partners.")
    ] = None,
) -> None:
    """Put a connection on hold: its amounts are left out of every request until then.

    For a client whose trades are disputed, or whose connection the partner refuses. The other
    clients settle as usual and dates turn green; the held amounts stay in the difference and
    settle once the hold has ended and the date is run again.

    **Example**

        settlement hold 16da9dd0-6be1-5d9b-a8f3-0d1a2ab0bd2e --until 2026-03-09 --reason disputed
        settlement hold 16da9dd0-6be1-5d9b-a8f3-0d1a2ab0bd2e --end --reason settled
    """
    file = partner_named_or_only(partner)
    if end and until is not None:
        raise ConfigurationError("--end ends the hold now: leave --until away")
    if not end and reason is None:
        raise ConfigurationError("say why with --reason: it is kept in the ledger for good")
    with ledger_behind(file.ledger_conn_id) as ledger:
        moment = end_of_hold(file, until, ledger.now())
        with ledger.transaction() as tx:
            if end:
                lift_hold(tx, file.name, connection, reason or "no reason given", person())
            else:
                put_on_hold(tx, file.name, connection, reason or "", moment, person())
    if end:
        say(f"{connection} settles again: run the dates that were left open")
    else:
        say(f"{connection} is on hold {f'until {at(moment)}' if moment else 'until --end'}")
