"""The command's groups, and how every expected error ends: its text, and an exit code."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from settlement.errors import ConfigurationError, SettlementError
from settlement_airflow.cli import (
    bind,
    closing,
    decide,
    disputes,
    doctor,
    explain,
    foreign,
    hold,
    ledger,
    preview,
    run,
    sandbox,
    seed,
    show,
    stopping,
    verify,
    watch,
)
from settlement_airflow.cli.console import complain

NOT_DONE = 1
USAGE_OR_CONFIGURATION = 2


class ReportingGroup(TyperGroup):
    """Turns the domain's errors into a text on stderr and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except SettlementError as error:
            complain(str(error))
            wrong = isinstance(error, ConfigurationError)
            raise typer.Exit(USAGE_OR_CONFIGURATION if wrong else NOT_DONE) from None


app = typer.Typer(
    cls=ReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def settlement() -> None:
    """Daily settlement with the partner: run a date, see what happened, decide what people decide.

    Safe at any time: **run**, **preview**, **show**, **explain**,
    **verify**, **watch**. What is booked is never sent again.

    Exit code: 0 done, 1 not done (why, on stderr), 2 usage or configuration.

    **At 3 a.m.**

        settlement show demo
        settlement show demo 2026-03-02
        settlement run demo 2026-03-02
        settlement stop demo --reason "amounts look wrong"
    """


for panel, module in (
    ("Settle a date", run),
    ("Settle a date", preview),
    ("See what happened", show),
    ("See what happened", explain),
    ("See what happened", disputes),
    ("See what happened", verify),
    ("See what happened", watch),
    ("Decide", decide),
    ("Decide", stopping),
    ("Decide", hold),
    ("Decide", foreign),
    ("Decide", closing),
    ("Decide", bind),
    ("Set up", doctor),
    ("Set up", seed),
    ("Set up", sandbox),
    ("Set up", ledger),
):
    module.add_to(app, panel)
