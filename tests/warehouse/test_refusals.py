"""A warehouse that cannot be read says so, what to do, and no secrets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import psycopg
import pytest

from settlement.errors import ConfigurationError, WarehouseBusyError, WarehouseError
from settlement.warehouse.sql import SqlWarehouse

from .conftest import DAY, LATER, SQL_FOLDER, Backend, open_day, partner, trade


@pytest.fixture
def sql_folder(tmp_path: Path) -> Path:
    """Copy the SQL folder, to break it."""
    return Path(copytree(SQL_FOLDER, tmp_path / "sql"))


@pytest.fixture
def locked_file(tmp_path: Path) -> Iterator[Path]:
    """Let another process load into a DuckDB file for as long as the test runs."""
    file = tmp_path / "loading.duckdb"
    loader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('loading', flush=True);"
                "input()"
            ),
            str(file),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with loader:
        assert loader.stdout is not None
        assert loader.stdout.readline() == "loading\n"
        yield file
        loader.communicate("\n")


def test_a_file_locked_by_its_loader_is_retried_and_named(locked_file: Path) -> None:
    """DuckDB does not wait for a lock, so the scheduler does."""
    warehouse = SqlWarehouse(
        lambda: duckdb.connect(str(locked_file), read_only=True), "duckdb", "?", SQL_FOLDER
    )
    with pytest.raises(WarehouseBusyError) as refused:
        warehouse.loaded_until(partner(), LATER)
    assert refused.value.retryable
    assert str(locked_file) in str(refused.value)
    assert "retried" in str(refused.value)


def test_a_missing_file_is_not_retried(tmp_path: Path) -> None:
    """Waiting does not create it: the connection is wrong, or nothing was loaded yet."""
    file = tmp_path / "nowhere.duckdb"
    warehouse = SqlWarehouse(
        lambda: duckdb.connect(str(file), read_only=True), "duckdb", "?", SQL_FOLDER
    )
    with pytest.raises(WarehouseError, match="Next step: correct the file") as refused:
        warehouse.loaded_until(partner(), LATER)
    assert not refused.value.retryable
    assert str(file) in str(refused.value)


def test_a_file_open_for_writing_in_this_process_is_retried(duckdb_backend: Backend) -> None:
    """DuckDB refuses to mix readers and writers of one file within a process."""
    duckdb_backend.create()
    writer = duckdb_backend.writable()
    with pytest.raises(WarehouseBusyError):
        duckdb_backend.warehouse().loaded_until(partner(), LATER)
    writer.close()
    assert duckdb_backend.warehouse().loaded_until(partner(), LATER) is None


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://loader:hunter2@127.0.0.1:1/trades",
        "host=127.0.0.1 port=1 user=loader password=hunter2",
        "postgresql://loader:hunter2@127.0.0.1:port/trades",
        "postgresql://loader:hunter2@[bad/trades",
        "password=hunter2 nonsense",
    ],
)
def test_an_unreachable_server_leaks_no_password(uri: str) -> None:
    """Neither the message nor a chained exception repeats the connection string."""
    warehouse = SqlWarehouse(lambda: psycopg.connect(uri), "postgres", "%s", SQL_FOLDER)
    with pytest.raises(WarehouseError, match="opening the warehouse") as refused:
        warehouse.loaded_until(partner(), LATER)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__, "a traceback shows no driver's exception"


def test_a_server_that_refuses_the_connection_is_retried() -> None:
    """A restart of the server is over in a minute."""
    uri = "postgresql://loader@127.0.0.1:1/trades"
    warehouse = SqlWarehouse(lambda: psycopg.connect(uri), "postgres", "%s", SQL_FOLDER)
    with pytest.raises(WarehouseBusyError, match="check the warehouse connection"):
        warehouse.loaded_until(partner(), LATER)


def test_a_cancelled_statement_is_retried(postgres_backend: Backend) -> None:
    """A server under load may run into its own time limit."""
    postgres_backend.create()
    postgres_backend.run(
        "INSERT INTO trades (partner, executed_at) "
        "SELECT 'demo', '2026-03-03 12:00:00+00' FROM generate_series(1, 200000)"
    )

    def hurried() -> Any:
        connection = postgres_backend.connect()
        connection.execute("SET statement_timeout = '1ms'")
        connection.commit()
        return connection

    warehouse = SqlWarehouse(hurried, "postgres", "%s", SQL_FOLDER)
    with pytest.raises(WarehouseBusyError, match="statement timeout"):
        warehouse.loaded_until(partner(), LATER)


def test_a_missing_table_is_an_error_with_the_next_step(backend: Backend) -> None:
    """The first thing a new user meets."""
    backend.run("DROP TABLE trades")
    with pytest.raises(WarehouseError, match=r"adapt trades\.sql") as refused:
        open_day(backend.warehouse())
    assert not refused.value.retryable
    assert "trades" in str(refused.value)


def test_an_unknown_column_is_an_error_with_the_next_step(backend: Backend) -> None:
    """The table is there, but under other names."""
    backend.run("ALTER TABLE trades RENAME COLUMN buyer_fee TO fee_of_buyer")
    with pytest.raises(WarehouseError, match=r"adapt trades\.sql.*buyer_fee"):
        open_day(backend.warehouse())


def test_columns_that_trades_sql_does_not_return_are_named(
    backend: Backend, sql_folder: Path
) -> None:
    """Found before anything is computed, on an empty day too."""
    text = (sql_folder / "trades.sql").read_text()
    selected = text.replace("    buyer_fee,\n    seller_fee\n", "    0 AS fee\n")
    (sql_folder / "trades.sql").write_text(selected)
    with pytest.raises(WarehouseError, match="does not return buyer_fee, seller_fee"):
        open_day(backend.warehouse(sql_folder))


def test_a_value_that_does_not_fit_is_an_error_with_the_next_step(
    backend: Backend, sql_folder: Path
) -> None:
    """A cast in trades.sql that fails on a row."""
    text = (sql_folder / "trades.sql").read_text()
    cast = text.replace(
        "    base_quantity,\n", "    CAST(base_currency AS BIGINT) AS base_quantity,\n"
    )
    (sql_folder / "trades.sql").write_text(cast)
    backend.insert(trade("T1"))
    with pytest.raises(WarehouseError, match="a value does not fit its type"):
        open_day(backend.warehouse(sql_folder))


@pytest.mark.parametrize("parameter", ["partner", "window_start", "window_end"])
def test_a_trades_query_that_ignores_a_parameter_is_refused(
    backend: Backend, sql_folder: Path, parameter: str
) -> None:
    """It would settle another partner's trades, or another day's."""
    text = (sql_folder / "trades.sql").read_text()
    where, condition = text.split("WHERE")
    ignoring = condition.replace(f":{parameter}", "NULL")
    (sql_folder / "trades.sql").write_text(f"{where}WHERE{ignoring}")
    with pytest.raises(ConfigurationError, match=f"does not use :{parameter}:"):
        open_day(backend.warehouse(sql_folder))


def test_a_missing_query_file_is_named(backend: Backend, sql_folder: Path) -> None:
    """A folder that was copied in part."""
    (sql_folder / "loaded_until.sql").unlink()
    with pytest.raises(ConfigurationError, match=r"loaded_until.sql is missing.*Next step"):
        backend.warehouse(sql_folder).loaded_until(partner(), LATER)


def test_the_connection_is_closed_after_an_error(duckdb_backend: Backend) -> None:
    """A failed reading does not keep the loader out."""
    duckdb_backend.create(base_quantity="DOUBLE")
    duckdb_backend.insert(trade("T1"))
    with pytest.raises(WarehouseError), duckdb_backend.warehouse().snapshot(partner(), DAY):
        pass
    duckdb_backend.insert(trade("T2"))
