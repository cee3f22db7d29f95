"""One reading is one state, wherever DuckDB reads the trades from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial as bound
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import pytest

from settlement.values import Line
from settlement.warehouse import drivers
from settlement.warehouse.sql import SqlWarehouse

from .conftest import ALICE, COLUMNS, DAY, NOON, SQL_FOLDER, Backend, partner, trade

Load = Callable[[dict[str, Any]], None]


def _csv(folder: Path, row: dict[str, Any]) -> None:
    """A loader that drops a file into a folder."""
    with closing(duckdb.connect()) as database:
        values = ", ".join(
            f"CAST({'NULL' if value is None else repr(str(value))} AS {COLUMNS[name]}) AS {name}"
            for name, value in row.items()
        )
        database.execute(f"COPY (SELECT {values}) TO '{folder / row['trade_id']}.csv'")


def _parquet(folder: Path, row: dict[str, Any]) -> None:
    """The same, for files that hold types."""
    _csv(folder, row)
    file = folder / f"{row['trade_id']}.csv"
    with closing(duckdb.connect()) as database:
        read = f"read_csv('{file}', types = {COLUMNS!r})"
        database.execute(f"COPY (SELECT * FROM {read}) TO '{file.with_suffix('.parquet')}'")
    file.unlink()


READERS = {
    "read_csv": (_csv, "read_csv('{folder}/*.csv', types = {types!r})"),
    "read_parquet": (_parquet, "read_parquet('{folder}/*.parquet')"),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_arrives_during_a_reading_is_not_seen(
    duckdb_backend: Backend, tmp_path: Path, kind: str
) -> None:
    """The duplicate in it would be settled, since the checks have passed before it came."""
    drop, reader = READERS[kind]
    drop(tmp_path, trade("T1"))
    read = reader.format(folder=tmp_path, types=COLUMNS)
    duckdb_backend.run(f"CREATE VIEW trades AS SELECT * FROM {read}")
    with duckdb_backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        before = list(snapshot.net_positions())
        drop(tmp_path, trade("T2"))
        assert list(snapshot.net_positions()) == before
        assert snapshot.trade_count() == snapshot.trade_count_until(NOON) == 1
        assert snapshot.house_positions() == {"USD": 2}
        assert [each.endings for each in snapshot.trade_ids()] == ["T1"]
    with duckdb_backend.warehouse().snapshot(partner(), DAY) as later:
        assert later.trade_count() == 2, "the file itself did arrive"


def test_a_file_behind_a_plain_table_is_not_overlooked(
    duckdb_backend: Backend, tmp_path: Path
) -> None:
    """A view over both, a join, a subquery: one scan that is not a table's is enough."""
    duckdb_backend.create()
    duckdb_backend.run("ALTER TABLE trades RENAME TO old_trades")
    _csv(tmp_path, trade("T1"))
    read = f"read_csv('{tmp_path}/*.csv', types = {COLUMNS!r})"
    duckdb_backend.run(
        f"CREATE VIEW trades AS SELECT * FROM old_trades UNION ALL BY NAME SELECT * FROM {read}"
    )
    with duckdb_backend.warehouse().snapshot(partner(), DAY) as snapshot:
        _csv(tmp_path, trade("T2"))
        assert snapshot.trade_count() == 1


@pytest.fixture
def trades_of(tmp_path: Path) -> Callable[[str], Path]:
    """The SQL folder with a trades.sql that reads another table."""

    def adapted(table: str) -> Path:
        folder = Path(copytree(SQL_FOLDER, tmp_path / "sql"))
        text = (folder / "trades.sql").read_text()
        (folder / "trades.sql").write_text(text.replace("FROM trades", f"FROM {table}"))
        return folder

    return adapted


def test_an_attached_database_that_is_written_in_between_is_not_seen(
    tmp_path: Path, trades_of: Callable[[str], Path]
) -> None:
    """Whatever its driver promises, the copy is one statement's."""
    files = tmp_path / "own.duckdb", tmp_path / "attached.duckdb"
    shared = duckdb.connect(str(files[0]))
    shared.execute(f"ATTACH '{files[1]}' AS other")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    shared.execute(f"CREATE TABLE other.trades ({columns})")

    def load(row: dict[str, Any]) -> None:
        marks = ", ".join("?" for _ in row)
        shared.cursor().execute(f"INSERT INTO other.trades VALUES ({marks})", list(row.values()))

    load(trade("T1"))
    statements: list[str] = []
    warehouse = SqlWarehouse(
        lambda: _Noting(shared.cursor(), statements), "duckdb", "?", trades_of("other.trades")
    )
    with closing(shared), warehouse.snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        load(trade("T2"))
        assert Line(ALICE, "BTC", 2) in list(snapshot.net_positions())
    assert copies(statements) == 1


class _Noting:
    """A connection that notes the statements it runs."""

    def __init__(self, real: Any, statements: list[str]) -> None:
        self._real = real
        self._statements = statements

    def execute(self, statement: str, *parameters: Any) -> Any:
        self._statements.append(statement)
        return self._real.execute(statement, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def copies(statements: list[str]) -> int:
    """How many of the statements copy the trades."""
    return sum(each.startswith("CREATE TEMPORARY TABLE") for each in statements)


def copies_of_a_reading(backend: Backend, sql_folder: Path = SQL_FOLDER) -> int:
    """How often a reading of the day copies the trades."""
    statements: list[str] = []
    warehouse = SqlWarehouse(
        lambda: _Noting(backend.connect(), statements), "duckdb", "?", sql_folder
    )
    with warehouse.snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        snapshot.trade_count()
    return copies(statements)


def test_a_plain_table_is_not_copied(duckdb_backend: Backend) -> None:
    """Its transaction keeps one state: one question more, and nothing gets slower."""
    duckdb_backend.create()
    duckdb_backend.insert(trade("T1"))
    assert copies_of_a_reading(duckdb_backend) == 0
    duckdb_backend.run("ALTER TABLE trades RENAME TO all_trades")
    duckdb_backend.run("CREATE VIEW trades AS SELECT * FROM all_trades WHERE base_quantity > 0")
    assert copies_of_a_reading(duckdb_backend) == 0


@pytest.mark.parametrize("name", ["with space", "with.dot", 'with"quote'])
def test_a_file_of_any_name_is_its_own_database(tmp_path: Path, name: str) -> None:
    """DuckDB names the database after the file, and quotes the name where need be."""
    file = str(tmp_path / f"{name}.duckdb")
    connect = bound(duckdb.connect, file)
    backend = Backend("duckdb", "duckdb", "?", bound(connect, read_only=True), connect)
    backend.create()
    backend.insert(trade("T1"))
    assert copies_of_a_reading(backend) == 0


def test_the_copy_spills_instead_of_growing(
    duckdb_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day of files that does not fit into memory is copied to a folder."""
    monkeypatch.setattr(drivers, "DUCKDB_MEMORY", "100MB")
    duckdb_backend.create()
    duckdb_backend.insert(trade("T"))
    read = f"read_parquet('{tmp_path}/many.parquet')"
    with closing(duckdb_backend.writable()) as connection:
        connection.execute(
            "COPY (SELECT trades.* REPLACE (md5(n::VARCHAR) || md5('x' || n) AS trade_id) "
            f"FROM trades, range(1_000_000) AS numbers(n)) TO '{tmp_path}/many.parquet'"
        )
    duckdb_backend.run("DROP TABLE trades")
    duckdb_backend.run(f"CREATE VIEW trades AS SELECT * FROM {read}")
    spilled: list[int] = []

    def connect() -> Any:
        return _Watching(duckdb_backend.connect(), spilled)

    warehouse = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    with warehouse.snapshot(partner(), DAY) as snapshot:
        assert snapshot.trade_count() == 1_000_000
        assert Line(ALICE, "BTC", 2_000_000) in list(snapshot.net_positions())
    assert max(spilled) > 0


class _Watching(_Noting):
    """A connection that notes, after each statement, how much has been spilled."""

    def __init__(self, real: Any, spilled: list[int]) -> None:
        super().__init__(real, [])
        self._spilled = spilled

    def execute(self, statement: str, *parameters: Any) -> Any:
        result = super().execute(statement, *parameters)
        if statement.startswith("CREATE TEMPORARY TABLE"):
            sizes = self._real.execute("SELECT sum(size) FROM duckdb_temporary_files()").fetchone()
            self._spilled.append(sizes[0] or 0)
        return result
