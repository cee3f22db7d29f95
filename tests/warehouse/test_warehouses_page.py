"""docs/warehouses.md: its SQL runs, its columns are the ones, its grants are enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from settlement.errors import WarehouseError
from settlement.warehouse.cells import COLUMNS, OPTIONAL_COLUMNS
from settlement.warehouse.sql import SqlWarehouse

from .conftest import DAY, LATER, SQL_FOLDER, Backend, partner, trade

PAGE = (Path(__file__).parents[2] / "docs" / "warehouses.md").read_text()
INDEX, GRANTS = re.findall(r"```sql\n(.*?)```", PAGE, flags=re.DOTALL)
READER = "settlement_trades_reader"


def test_the_columns_are_those_that_are_read() -> None:
    """In the order of trades.sql."""
    table = PAGE.split("|---|---|---|\n", 1)[1].split("\n\n", 1)[0]
    first_cells = [line.split(" | ")[0] for line in table.splitlines()]
    assert tuple(re.findall(r"`(\w+)`", " ".join(first_cells))) == (*COLUMNS, *OPTIONAL_COLUMNS)


def test_the_files_that_it_names_are_there() -> None:
    """Paths from the project's root."""
    named = set(re.findall(r"`(include/[\w/.]+)`", PAGE))
    assert named
    assert [path for path in named if not (SQL_FOLDER.parents[1] / path).is_file()] == []


def test_the_index_can_be_made(backend: Backend) -> None:
    """On both databases."""
    backend.run(INDEX)


@pytest.fixture
def as_reader(postgres_backend: Backend, postgres_uri: str) -> Iterator[SqlWarehouse]:
    """PostgreSQL, for a login with the grants of the page and no others."""
    postgres_backend.create()
    postgres_backend.insert(trade("T1"))
    postgres_backend.run(GRANTS)

    def connect() -> psycopg.Connection:
        return psycopg.connect(postgres_uri, user=READER)

    try:
        yield SqlWarehouse(connect, "postgres", "%s", SQL_FOLDER)
    finally:
        postgres_backend.run(f"DROP OWNED BY {READER}; DROP ROLE {READER}")


def test_the_grants_are_enough_to_read(as_reader: SqlWarehouse) -> None:
    """A whole reading, and how far the load is."""
    with as_reader.snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert len(list(snapshot.net_positions())) == 4
    assert as_reader.loaded_until(partner(), LATER) is not None


def test_the_grants_are_needed(as_reader: SqlWarehouse, postgres_backend: Backend) -> None:
    """Without one of them it cannot read, and with all of them it cannot write."""
    with closing(as_reader._connect()) as connection, pytest.raises(psycopg.Error, match="denied"):
        connection.cursor().execute("DELETE FROM trades")
    postgres_backend.run(f"REVOKE SELECT ON trades FROM {READER}")
    with pytest.raises(WarehouseError, match="permission denied"):
        as_reader.loaded_until(partner(), LATER)
