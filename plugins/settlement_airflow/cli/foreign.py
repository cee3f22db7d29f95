"""`settlement record` and `settlement ignore`: settlements that this project did not make."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from settlement.config.partner_file import load_partner
from settlement.steps.foreign_settlements import ignore_named, record_settlement
from settlement_airflow.cli.arguments import ExternalId, Partner, Reason, parse_day
from settlement_airflow.cli.console import say
from settlement_airflow.cli.workplace import desk_for


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panel)(record)
    app.command(rich_help_panel=panel)(ignore)


def record(
    partner: Partner,
    external_id: ExternalId,
    *,
    day: Annotated[
        date,
        typer.Option(
            "--date", metavar="DATE", parser=parse_day, help="Business date that it counts for."
        ),
    ],
    reason: Reason,
) -> None:
    """Take what the partner shows under an externalId as booked for a date.

    For a settlement made by hand, and for a request that is *diverged*: the partner's
    side is taken, and the next run of the date settles the rest. It asks the partner what it
    holds; compare that first with what you expect (`settlement explain`).

    **Example**

        settlement record demo by-hand-17 --date 2026-03-02 --reason "made by hand"
    """
    file = load_partner(partner)
    with desk_for(file) as desk:
        slot = record_settlement(desk, external_id, day, reason)
    say(
        f"{external_id} counts for {day} as {slot.state.value}, settlement {slot.settlement_id}: "
        f"`settlement run {file.name} {day}` settles the rest"
    )


def ignore(partner: Partner, external_id: ExternalId, *, reason: Reason) -> None:
    """Put a settlement of somebody else aside: runs go on as if it did not exist.

    For settlements that have nothing to do with the trades in the warehouse. One that did settle
    some of them must be recorded instead, or they are settled again.

    **Example**

        settlement ignore demo onboarding-test --reason "test transfer of the custodian"
    """
    file = load_partner(partner)
    with desk_for(file) as desk:
        settlement = ignore_named(desk, external_id, reason)
    say(f"{external_id} (settlement {settlement.id}) is put aside: it counts for no date")
