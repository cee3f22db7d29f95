"""`settlement stop` and `settlement go`: the switch that every send reads."""

from __future__ import annotations

import typer

from settlement.config.partner_file import load_partner
from settlement.ledger.people.stop import lower_stop, raise_stop
from settlement_airflow.cli.arguments import Partner, Reason, person
from settlement_airflow.cli.console import say
from settlement_airflow.cli.workplace import ledger_behind


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panel)(stop)
    app.command(rich_help_panel=panel)(go)


def stop(partner: Partner, *, reason: Reason) -> None:
    """Stop a partner: from now on nothing is sent for it, by no run on no worker.

    The first thing to do when amounts look wrong. The flag is read right before every send; what
    was sent already is not called back. Runs fail with StoppedError until `settlement go`.

    **Example**

        settlement stop demo --reason "amounts of BTC look wrong, ticket 4711"
    """
    file = load_partner(partner)
    with ledger_behind(file.ledger_conn_id) as ledger, ledger.transaction() as tx:
        raise_stop(tx, file.name, reason, person())
    say(f"{file.name} is stopped: nothing is sent until `settlement go {file.name}`")


def go(partner: Partner, *, reason: Reason) -> None:
    """End a stop: runs may send again.

    Nothing starts by itself: run the dates that failed meanwhile, or clear their tasks.

    **Example**

        settlement go demo --reason "prices corrected, ticket 4711 closed"
    """
    file = load_partner(partner)
    with ledger_behind(file.ledger_conn_id) as ledger, ledger.transaction() as tx:
        lower_stop(tx, file.name, reason, person())
    say(f"{file.name} may send again: run the dates that failed meanwhile")
