"""`settlement watch`: what no run saw, without Airflow's states."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from settlement.config.partner_file import PartnerFile, load_partner, load_partners
from settlement.errors import SettlementError
from settlement.ledger.checks.ledger import partners_in_ledger
from settlement.ledger.database import Ledger
from settlement.watch.finding import Finding, worst_first
from settlement.watch.partners import Files, Openers, ledgers_of, watch_partner, watched
from settlement_airflow.cli.arguments import AsJson
from settlement_airflow.cli.console import print_json, results, warn
from settlement_airflow.cli.workplace import api_of, ledger_behind, warehouse_of, work_for

SOMETHING_FOUND = 1


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(watch)


def watch(
    partner: Annotated[
        str | None,
        typer.Argument(
            metavar="[PARTNER]", help="Without it, everybody with a file or in a ledger."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Look for what no run saw: dates not settled, late trades, what the partner shows otherwise.

    The same checks as the DAG settlement_watch makes, but for Airflow's own states. It only reads,
    and starts nothing. Each finding ends in its section of the runbook of settlement_watch; it
    ends with 1 if there is any.

    **Example**

        settlement watch
        settlement watch demo --json
    """
    files = load_partners()
    checked = _checked(files, partner)
    findings = worst_first(
        each for name, conn_id in checked.items() for each in _check(files, name, conn_id)
    )
    if as_json:
        print_json([finding_json(each) for each in findings])
    else:
        _print(list(checked), findings)
    if findings:
        raise typer.Exit(SOMETHING_FOUND)


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding for programs."""
    return {
        "kind": finding.kind.value,
        "partner": finding.partner,
        "business_date": finding.business_date.isoformat() if finding.business_date else None,
        "last_business_date": finding.span.last.isoformat() if finding.span else None,
        "external_id": finding.external_id,
        "text": finding.text,
        "needs_a_person": finding.needs_a_person,
    }


def _checked(files: Files, partner: str | None) -> dict[str, str]:
    """Partners to check, with the Airflow connection of their ledger.

    :raises ConfigurationError: if the one that is named is known nowhere
    """
    if partner is None or partner not in files:
        known = watched(files, {conn_id: _names_in(conn_id) for conn_id in ledgers_of(files)})
    else:
        known = watched(files, {})
    if partner is None:
        return known
    if partner not in known:
        load_partner(partner)  # raises, naming the nearest
    return {partner: known[partner]}


def _names_in(conn_id: str) -> list[str]:
    try:
        with ledger_behind(conn_id) as ledger:
            return partners_in_ledger(ledger)
    except SettlementError as error:  # the checks of its partners find it
        warn(str(error))
        return []


def _check(files: Files, name: str, conn_id: str) -> list[Finding]:
    file = files.get(name)
    openers = Openers(
        ledger=lambda ledger_conn_id: _opened(file, ledger_conn_id),
        warehouse=warehouse_of,
        api=api_of,
    )
    return watch_partner(name, file, conn_id, openers)


def _opened(file: object, conn_id: str) -> AbstractContextManager[Ledger]:
    """The ledger; for the demo with its other connections in place."""
    return work_for(file) if isinstance(file, PartnerFile) else ledger_behind(conn_id)


def _print(partners: list[str], findings: list[Finding]) -> None:
    console = results()
    if not findings:
        said = f"nothing found: {', '.join(partners) or 'there is no partner'}"
        console.print(said, markup=False, highlight=False)
        return
    table = Table(header_style="")
    for column in ("partner", "about", "finding"):
        table.add_column(column, overflow="fold")
    for each in findings:
        style = "red" if each.needs_a_person else "yellow"
        text = Text(f"{each.text} ").append(f"[runbook: {each.kind}]", style)
        table.add_row(each.partner, each.about, text)
    console.print(table)
