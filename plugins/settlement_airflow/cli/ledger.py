"""`settlement ledger upgrade`: the one moment when a real ledger's schema changes."""

from __future__ import annotations

from typing import Annotated

import typer

from settlement.config.partner_file import load_partner
from settlement.errors import LedgerVersionError
from settlement.ledger.database import Ledger
from settlement_airflow.cli.console import say
from settlement_airflow.cli.private_airflow import find_connections
from settlement_airflow.cli.stand_ins import LEDGER, embedded_ledger

HELP = """Look after the ledger's schema.

**Example**

    settlement ledger upgrade
"""


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=HELP)
    group.callback()(_ledger)
    group.command()(upgrade)
    app.add_typer(group, name="ledger", rich_help_panel=panel)


def _ledger() -> None:
    """Without a callback, a group of one command would be that command."""


def upgrade(
    partner: Annotated[
        str | None,
        typer.Argument(
            metavar="[PARTNER]", help="Whose ledger, if its file names another Airflow connection."
        ),
    ] = None,
) -> None:
    """Bring the ledger to the version that this installation needs, in one transaction.

    Once for a new ledger and after an update of this project, while no run is going on. Make a
    backup before. Runs never do this by themselves: they fail and name this command.

    **Example**

        settlement ledger upgrade
    """
    conn_id = load_partner(partner).ledger_conn_id if partner else LEDGER
    find_connections()
    from alembic.util import CommandError  # noqa: PLC0415 - not for --help

    from settlement.ledger.install.upgrade import upgrade_ledger  # noqa: PLC0415
    from settlement.ledger.install.version import current_version  # noqa: PLC0415
    from settlement_airflow.connections import postgres_url  # noqa: PLC0415 - imports Airflow

    with embedded_ledger(conn_id):
        ledger = Ledger.connect(postgres_url(conn_id))
        try:
            with ledger.transaction() as tx:
                before = current_version(tx)
            after = upgrade_ledger(ledger)
        except CommandError:
            raise LedgerVersionError(
                f"the ledger is at version {before}, which this installation does not know: it is "
                "newer; update the installation"
            ) from None
        finally:
            ledger.engine.dispose()
    if before == after:
        say(f"the ledger is at version {after} already")
    else:
        say(f"the ledger is upgraded from version {before or 'none'} to {after}")
