"""`settlement disputes`: what clients say against settlements, beside what we instructed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from settlement.amounts import displayed, to_base_units_text
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.ledger.database import Ledger
from settlement.ledger.snapshots import load_positions_of
from settlement.steps.disputes import DisputedRequest, disputed_requests
from settlement_airflow.cli.amounts_shown import at
from settlement_airflow.cli.arguments import AsJson, Partner, parse_day
from settlement_airflow.cli.console import print_json, results
from settlement_airflow.cli.explain import trades_table
from settlement_airflow.cli.explanation import explanation_of
from settlement_airflow.cli.workplace import desk_for, warehouse_of
from settlement_airflow.trace import Trace, trace


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(disputes)


def disputes(
    partner: Partner,
    *,
    day: Annotated[
        date | None,
        typer.Option("--date", metavar="DATE", parser=parse_day, help="Only of this date."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what clients dispute: what they expect, what we instructed, the trades behind it.

    The partner is asked; no state changes. A dispute is raised, retracted and closed by the client
    and BitGo, never from here. What a closed one adjusts is moved by BitGo with a later settlement
    and is no part of what we send.

    **Example**

        settlement disputes demo
        settlement disputes demo --date 2026-03-02 --json
    """
    file = load_partner(partner)
    with desk_for(file) as desk:
        found = disputed_requests(desk, day)
        traces = [traces_behind(desk.ledger, file, each) for each in found]
    if as_json:
        print_json([dispute_json(*each) for each in zip(found, traces, strict=True)])
        return
    console = results()
    for each, behind in zip(found, traces, strict=True):
        _print(file, each, behind)
    if not found:
        console.print(Text(f"nothing is disputed at {file.name}", "green"))


def traces_behind(ledger: Ledger, file: PartnerFile, disputed: DisputedRequest) -> list[Trace]:
    """The trades behind each of our amounts that a dispute is about.

    There are none behind an amount that took back what was settled for trades that went.

    :raises WarehouseError: if the warehouse cannot be read
    """
    if disputed.external_id is None or not disputed.ours:
        return []
    with ledger.transaction() as tx:
        explanation = explanation_of(tx, disputed.external_id)
        if explanation.snapshot is None:
            return []
        client = disputed.dispute.connection_id
        net = load_positions_of(tx, explanation.snapshot.id, [client])
    snapshot, warehouse = explanation.snapshot, warehouse_of(file)
    return [
        trace(ledger, warehouse, file, snapshot, key, amount)
        for key, amount in sorted(net.items())
        if key.currency in disputed.ours
    ]


def dispute_json(disputed: DisputedRequest, traces: list[Trace]) -> dict[str, Any]:
    """A dispute for programs; amounts are strings in base units."""
    dispute = disputed.dispute
    closure = dispute.closure
    return {
        "id": dispute.id,
        "status": dispute.status,
        "external_id": disputed.external_id,
        "business_date": disputed.business_date.isoformat() if disputed.business_date else None,
        "settlement_id": dispute.settlement_id,
        "connection": dispute.connection_id,
        "raised_at": dispute.created_at.isoformat(),
        "reason": dispute.reason,
        "expected": _texts(dispute.expected),
        "instructed": _texts(disputed.ours),
        "adjusted": _texts(closure.adjusted) if closure else {},
        "settled_in": dispute.settled_in,
        "positions": [each.as_json() for each in traces],
    }


def _texts(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: to_base_units_text(amount) for name, amount in sorted(amounts.items())}


def _print(file: PartnerFile, disputed: DisputedRequest, traces: list[Trace]) -> None:
    console, dispute = results(), disputed.dispute
    named = disputed.external_id or f"settlement {dispute.settlement_id}, not in the ledger"
    console.print(Text(f"{named}  {dispute.status}", "bold"))
    console.print(Text(f"client      {dispute.connection_id}"))
    console.print(Text(f"raised      {at(dispute.created_at)}: {dispute.reason or 'no reason'}"))
    if dispute.settled_in:
        console.print(Text(f"adjusted in settlement {dispute.settled_in}"))
    console.print(_sides(file, disputed))
    for each in traces:
        console.print(trades_table(each, file.currencies))


def _sides(file: PartnerFile, disputed: DisputedRequest) -> Table:
    table = Table(title="both sides", title_justify="left", title_style="bold", header_style="")
    table.add_column("currency")
    for column in ("we instructed", "the client expects", "adjusted by"):
        table.add_column(column, justify="right", no_wrap=True)
    closure = disputed.dispute.closure
    adjusted = closure.adjusted if closure else {}
    sides = (disputed.ours, disputed.dispute.expected, adjusted)
    for currency in sorted({name for side in sides for name in side}):
        amounts = (side.get(currency) for side in sides)
        texts = (
            "-" if each is None else displayed(each, currency, file.currencies) for each in amounts
        )
        table.add_row(currency, *texts)
    return table
