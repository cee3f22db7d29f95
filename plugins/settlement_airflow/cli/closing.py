"""`settlement close-date` and `settlement reopen-date`: a business date that no run settles."""

from __future__ import annotations

import typer

from settlement.config.partner_file import load_partner
from settlement.ledger.people.closings import close_date as close
from settlement.ledger.people.closings import reopen_date as reopen
from settlement_airflow.cli.arguments import Day, Partner, Reason, person
from settlement_airflow.cli.console import say
from settlement_airflow.cli.workplace import ledger_behind


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panel)(close_date)
    app.command(rich_help_panel=panel)(reopen_date)


def close_date(partner: Partner, business_date: Day, *, reason: Reason) -> None:
    """Close a business date: no run settles it, and the watch leaves it alone.

    For a date that others have settled, or that is never to be settled here. Refused while a
    request of it is open or diverged. Trades that it has read stay
    its own: no other date settles them.

    **Example**

        settlement close-date demo 2026-03-02 --reason "settled by hand before go-live"
    """
    file, day = load_partner(partner), business_date
    with ledger_behind(file.ledger_conn_id) as ledger, ledger.transaction() as tx:
        close(tx, file, day, reason, person())
    say(f"{file.name} {day} is closed: no run settles it, and the watch leaves it alone")


def reopen_date(partner: Partner, business_date: Day, *, reason: Reason) -> None:
    """Open a closed business date again: its next run settles what is left.

    **Example**

        settlement reopen-date demo 2026-03-02 --reason "was not settled by hand after all"
    """
    file, day = load_partner(partner), business_date
    with ledger_behind(file.ledger_conn_id) as ledger, ledger.transaction() as tx:
        reopen(tx, file.name, day, reason, person())
    say(f"{file.name} {day} is open again: `settlement run {file.name} {day}` settles what is left")
