"""`settlement verify`: does the ledger still say what it said."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from settlement.config.partner_file import PartnerFile, load_partner, load_partners
from settlement.errors import ConfigurationError
from settlement.ledger.checks.ledger import CHECKS, partners_in_ledger, verify_ledger
from settlement.values import PartnerName
from settlement_airflow.cli.arguments import AsJson
from settlement_airflow.cli.console import print_json, progress, results, warn
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.cli.workplace import ledger_behind


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(verify)


def verify(
    partner: Annotated[
        str | None,
        typer.Argument(metavar="[PARTNER]", help="Without it, every partner of the ledgers."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check the chain of events and everything else that must hold in the ledger's tables.

    Use it after a restore, after anybody had a hand in the database, and once a day if you like:
    it only reads. It ends with 1 and names the first thing that does not hold.

    **Example**

        settlement verify
        settlement verify demo --json
    """
    counts: dict[str, dict[str, int]] = {}
    for conn_id, files in _by_ledger(partner).items():
        with ledger_behind(conn_id) as ledger, progress() as bar:
            names = [partner] if partner else partners_in_ledger(ledger)
            task = bar.add_task("verifying", total=len(names) * len(CHECKS))
            for name in names:
                decimals = files[name].currencies if name in files else {}
                counts[name] = verify_ledger(
                    ledger, PartnerName(name), decimals, partial(_advance, bar, task)
                )
    if as_json:
        print_json(counts)
    else:
        _print(counts)


def _advance(bar: Progress, task: TaskID, _check: str, _count: int) -> None:
    bar.advance(task)


def _by_ledger(partner: str | None) -> dict[str, dict[str, PartnerFile]]:
    """Partner files by the Airflow connection of their ledger; broken ones are said and left."""
    if partner is not None:
        file = load_partner(partner)
        return {file.ledger_conn_id: {partner: file}}
    ledgers: dict[str, dict[str, PartnerFile]] = {}
    for name, loaded in load_partners().items():
        if isinstance(loaded, ConfigurationError):
            warn(f"partner {name} is read without its file: {loaded.message}")
        else:
            ledgers.setdefault(loaded.ledger_conn_id, {})[name] = loaded
    return ledgers or {LEDGER: {}}


def _print(counts: dict[str, dict[str, int]]) -> None:
    console = results()
    if not counts:
        console.print("the ledger is empty: there is nothing to verify")
    for name, looked_at in counts.items():
        listed = ", ".join(f"{count:,} {what}" for what, count in looked_at.items())
        console.print(f"{name}: unbroken ({listed})", markup=False, highlight=False)
