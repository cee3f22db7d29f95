"""`settlement bind`: another account or other decimals for a partner's name, on purpose."""

from __future__ import annotations

import typer

from settlement.config.partner_file import load_partner
from settlement.ledger.binding import rebind
from settlement_airflow.cli.arguments import Partner, Reason, person
from settlement_airflow.cli.console import say
from settlement_airflow.cli.workplace import api_of, work_for


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(bind)


def bind(partner: Partner, *, reason: Reason) -> None:
    """Bind a partner's name to the account and the decimals that its file and connection name now.

    The first run binds by itself; afterwards a run with another URL, enterprise, unit of amounts
    or API version is refused, since it would settle everything again elsewhere. The decimals of a
    currency are bound when a date first uses it; changed ones would make every amount another one.
    Only for a change that is meant, after asking yourself what the new account already holds, and
    in which unit the warehouse and the partner count from now on.

    **Example**

        settlement bind demo --reason "the custodian moved us to another host, ticket 4712"
    """
    file = load_partner(partner)
    with work_for(file) as ledger:
        base_url = api_of(file).base_url
        with ledger.transaction() as tx:
            changed = rebind(tx, file, base_url, reason, person())
    say(f"{file.name} is bound to enterprise {file.enterprise_id} at {base_url}")
    for currency, change in changed.items():
        now = "is not bound any more" if change["is"] is None else f"has {change['is']} decimals"
        say(f"{currency} {now}; it had {change['was']}")
