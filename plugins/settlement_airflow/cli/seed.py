"""`settlement seed`: made-up trades to settle, for the demo's enterprise and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import URL

from partner_sandbox.demo_world import DEMO_ENTERPRISE, demo_connections
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.errors import ConfigurationError, WarehouseBusyError
from settlement.values import Window
from settlement_airflow.cli.arguments import Partner, parse_day
from settlement_airflow.cli.console import progress, say
from settlement_airflow.cli.private_airflow import find_connections
from settlement_airflow.cli.stand_ins import demo_warehouse, is_given

TRADES_A_DAY = 20_000


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(seed)


def seed(
    partner: Partner,
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
    """Write made-up trades of the demo's clients into the warehouse, a day at a time.

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
    where, write_day = _writer(file, trades)
    written = 0
    with progress() as bar:
        for day in bar.track(days, description="seeding"):
            written += write_day(calendar.window(day))
    say(f"{written:,} trades of {file.name} written for {len(days)} date(s) into {where}")


def _writer(file: PartnerFile, trades: int) -> tuple[str, Callable[[Window], int]]:
    """Where the trades go, and what writes those of one window there.

    :raises ConfigurationError: if the warehouse is neither a DuckDB file nor PostgreSQL
    """
    find_connections()
    if not is_given(file.warehouse_conn_id):
        return _into_duckdb(file, demo_warehouse(), trades)
    from settlement_airflow.airflow_connection import (  # noqa: PLC0415 - imports Airflow
        connection_named,
        wrong_connection,
    )
    from settlement_airflow.connections import POSTGRES_TYPES, postgres_url  # noqa: PLC0415

    connection = connection_named(file.warehouse_conn_id)
    if connection.conn_type == "duckdb" and connection.host:
        return _into_duckdb(file, Path(connection.host), trades)
    if connection.conn_type in POSTGRES_TYPES:
        return _into_postgres(file, postgres_url(file.warehouse_conn_id), trades)
    raise wrong_connection(
        file.warehouse_conn_id, "made-up trades are written into DuckDB or PostgreSQL only"
    )


def _into_duckdb(file: PartnerFile, path: Path, trades: int) -> tuple[str, Callable[[Window], int]]:
    import duckdb  # noqa: PLC0415 - not for --help

    from partner_sandbox.demo_trades import seed_day  # noqa: PLC0415 - imports duckdb

    def write_day(window: Window) -> int:
        try:
            return seed_day(path, file.name, window, _clients(), file.currencies, trades=trades)
        except duckdb.Error as error:
            raise WarehouseBusyError(
                f"{path} cannot be written ({error}): end what has it open, then seed "
                "again; what is written already stays"
            ) from None

    return str(path), write_day


def _into_postgres(file: PartnerFile, url: URL, trades: int) -> tuple[str, Callable[[Window], int]]:
    import psycopg  # noqa: PLC0415 - not for --help

    from partner_sandbox.demo_trades_postgres import seed_day_postgres  # noqa: PLC0415

    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    where = f"database {url.database}"

    def write_day(window: Window) -> int:
        try:
            return seed_day_postgres(
                conninfo, file.name, window, _clients(), file.currencies, trades=trades
            )
        except psycopg.Error as error:
            raise WarehouseBusyError(
                f"{where} cannot be written ({str(error).strip().splitlines()[0]}): check the "
                "database and the login's rights, then seed again; what is written already stays"
            ) from None

    return where, write_day


def _clients() -> list[str]:
    return [each.id for each in demo_connections()]
