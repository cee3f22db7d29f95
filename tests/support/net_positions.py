"""What a date of a prepared place owes, straight from its warehouse."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.values import PositionKey
from settlement.warehouse.sql import SqlWarehouse
from settlement_airflow.connections import SQL_FOLDER


def net_positions_in(home: Path, day: date, name: str = "demo") -> dict[PositionKey, int]:
    """The date's net positions."""
    partner = load_partner(name, home / "partners")
    connect = partial(duckdb.connect, str(home / "warehouse.duckdb"), read_only=True)
    warehouse = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    with warehouse.snapshot(partner, BusinessCalendar(partner).window(day)) as reading:
        return {line.key: line.amount for line in reading.net_positions()}
