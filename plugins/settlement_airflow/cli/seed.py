"""`settlement seed`: made-up trades to settle, for the demo's enterprise and no other."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from partner_sandbox.demo_world import DEMO_ENTERPRISE, demo_connections
from settlement.business_calendar import BusinessCalendar
from settlement.errors import ConfigurationError, WarehouseBusyError
from settlement.partner_file import PartnerFile, load_partner
from settlement_airflow.cli.arguments import PartnerName, parse_day
from settlement_airflow.cli.console import progress, say
from settlement_airflow.cli.private_airflow import find_connections
from settlement_airflow.cli.stand_ins import demo_warehouse, is_given

TRADES_A_DAY = 20_000


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(seed)


def seed(
    partner: PartnerName,
    first: Annotated[
        date, typer.Argument(metavar="FROM", parser=parse_day, help="First business date.")
    ],
    last: Annotated[
        date, typer.Argument(metavar="TO", parser=parse_day, help="Last business date, included.")
    ],
    *,
    trades: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Trades a day.")] = (
        TRADES_A_DAY
    ),
) -> None:
    """Write made-up trades of the demo's clients into the DuckDB warehouse, a day at a time.

    The same dates give the same trades; dates that have theirs already are left as they are.
    It is refused for any enterprise but the demo's: made-up trades must never be settled for real.

    **Example**

        settlement seed demo 2026-03-02 2026-03-06
    """
    file = load_partner(partner)
    if file.enterprise_id != DEMO_ENTERPRISE:
        raise ConfigurationError(
            f"made-up trades are for enterprise {DEMO_ENTERPRISE} only, {file.name}.toml says "
            f"{file.enterprise_id}: seed the partner demo instead"
        )
    calendar = BusinessCalendar(file)
    days = [
        day
        for day in (first + timedelta(days=n) for n in range((last - first).days + 1))
        if calendar.is_business_date(day)
    ]
    if not days:
        raise ConfigurationError(f"there is no business date of {file.name} from {first} to {last}")
    import duckdb  # noqa: PLC0415 - not for --help

    from partner_sandbox.demo_trades import seed_day  # noqa: PLC0415 - imports duckdb

    warehouse = _file_of(file)
    connections = [each.id for each in demo_connections()]
    written = 0
    with progress() as bar:
        for day in bar.track(days, description="seeding"):
            try:
                written += seed_day(
                    warehouse,
                    file.name,
                    calendar.window(day),
                    connections,
                    file.currencies,
                    trades=trades,
                )
            except duckdb.Error as error:
                raise WarehouseBusyError(
                    f"{warehouse} cannot be written ({error}): end what has it open, then seed "
                    "again; what is written already stays"
                ) from None
    say(f"{written:,} trades of {file.name} written for {len(days)} date(s) into {warehouse}")


def _file_of(file: PartnerFile) -> Path:
    """The DuckDB file of the partner's warehouse connection; the demo's own without one.

    :raises ConfigurationError: if the connection is no DuckDB file
    """
    find_connections()
    if not is_given(file.warehouse_conn_id):
        return demo_warehouse()
    from settlement_airflow.airflow_connection import (  # noqa: PLC0415 - imports Airflow
        connection_named,
        wrong_connection,
    )

    connection = connection_named(file.warehouse_conn_id)
    if connection.conn_type != "duckdb" or not connection.host:
        raise wrong_connection(
            file.warehouse_conn_id, "made-up trades are written into a DuckDB file only"
        )
    return Path(connection.host)
