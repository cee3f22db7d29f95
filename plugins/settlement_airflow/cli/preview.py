"""`settlement preview`: what a run would send now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from settlement.config.partner_file import PartnerFile, load_partner
from settlement_airflow.cli.amounts_shown import amounts_table, at, lines_of
from settlement_airflow.cli.arguments import AsJson, Day, Partner
from settlement_airflow.cli.console import print_json, results
from settlement_airflow.cli.workplace import warehouse_of, work_for

if TYPE_CHECKING:
    from settlement.steps.preview import Preview


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(preview)


def preview(partner: Partner, day: Day, *, as_json: AsJson = False) -> None:
    """Show the requests that a run would send now, and send nothing.

    The same checks of the trades and the same plan as a real run, over a fresh reading of the
    warehouse, and nothing is kept. Before a first run, before a backfill, after late trades. The
    partner is not asked: what it shows and the ledger does not know is not looked up here. Where
    limits of the partner file would refuse the requests, they are shown all the same, and the
    command ends as the run would.

    **Example**

        settlement preview demo 2026-03-02
    """
    from settlement.steps.preview import preview_requests  # noqa: PLC0415 - only here: numpy

    file = load_partner(partner)
    with work_for(file) as ledger:
        planned = preview_requests(ledger, warehouse_of(file), file, day)
    if as_json:
        from settlement_airflow.operators.preview import as_xcom  # noqa: PLC0415 - imports Airflow

        print_json(as_xcom(planned))
    else:
        _print(file, planned)
    if planned.refusal is not None:
        raise planned.refusal


def _print(file: PartnerFile, planned: Preview) -> None:
    console = results()
    window = planned.window
    console.print(Text(f"{file.name} {planned.business_date}", "bold"))
    console.print(Text(f"window    {at(window.start)} to {at(window.end)}"))
    console.print(Text(f"trades    {planned.trade_count:,}"))
    for each in planned.in_flight:
        console.print(Text(f"in flight {each}: the same bytes are sent again", "yellow"))
    for hold in planned.held:
        console.print(Text(f"on hold   {hold.connection_id}: {hold.reason}", "yellow"))
    if planned.waiting:
        waiting = lines_of(planned.waiting)
        console.print(amounts_table("waits for an older request", waiting, file.currencies))
    for request, lines in zip(planned.requests, planned.lines, strict=True):
        title = f"{request.external_id}  ({request.notes})"
        console.print(amounts_table(title, lines, file.currencies))
    if not planned.requests:
        console.print(Text("nothing would be sent", "green"))
