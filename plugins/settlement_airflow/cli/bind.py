"""`settlement bind`: another account for a partner's name, on purpose."""

from __future__ import annotations

import typer

from settlement.ledger.people import rebind
from settlement.partner_file import load_partner
from settlement_airflow.cli.arguments import PartnerName, Reason, person
from settlement_airflow.cli.console import say
from settlement_airflow.cli.workplace import api_of, work_for


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(bind)


def bind(partner: PartnerName, *, reason: Reason) -> None:
    """Bind a partner's name to the account that its file and Airflow connection name now.

    The first run binds by itself; afterwards a run with another URL, enterprise, unit of amounts
    or API version is refused, since it would settle everything again elsewhere. Only for a move
    that is meant, after asking yourself what the new account already holds.

    **Example**

        settlement bind demo --reason "the custodian moved us to another host, ticket 4712"
    """
    file = load_partner(partner)
    with work_for(file) as ledger:
        base_url = api_of(file).base_url
        with ledger.transaction() as tx:
            rebind(tx, file, base_url, reason, person())
    say(f"{file.name} is bound to enterprise {file.enterprise_id} at {base_url}")
