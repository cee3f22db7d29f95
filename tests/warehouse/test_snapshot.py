"""What one snapshot sees, and what it does not."""

from __future__ import annotations

import stat
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial as bound
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import psycopg.rows
import psycopg2  # type: ignore[import-untyped]
import psycopg2.extras  # type: ignore[import-untyped]
import pytest

from settlement.errors import WarehouseError
from settlement.values import Line, Window
from settlement.warehouse import session
from settlement.warehouse.drivers import begin_snapshot
from settlement.warehouse.sql import SqlWarehouse

from .conftest import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    END,
    LATER,
    NOON,
    SQL_FOLDER,
    START,
    Backend,
    partner,
    trade,
)

MICROSECOND = timedelta(microseconds=1)
YEAR = timedelta(days=365)
HOUR = timedelta(hours=1)


def test_the_window_is_half_open(backend: Backend) -> None:
    """A trade at the cut-off belongs to the next day, to the microsecond; none is in both."""
    backend.insert(
        trade("BEFORE", executed_at=START - MICROSECOND, recorded_at=START, base_quantity=1),
        trade("FIRST", executed_at=START, recorded_at=START, base_quantity=10),
        trade("LAST", executed_at=END - MICROSECOND, recorded_at=END, base_quantity=100),
        trade("AFTER", executed_at=END, recorded_at=END, base_quantity=1000),
    )
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 2
        assert snapshot.newest_executed_at() == END - MICROSECOND
        assert Line(ALICE, "BTC", 110) in list(snapshot.net_positions())
    with backend.warehouse().snapshot(partner(), Window(END, END + 24 * HOUR)) as following:
        assert [row.trade_id for row in following.trades_behind(ALICE, "BTC")] == ["AFTER"]


def test_another_partners_trades_are_not_seen(backend: Backend) -> None:
    """Two partners may share a table."""
    backend.insert(trade("OURS"), trade("THEIRS", partner="other"))
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        assert snapshot.trade_count() == 1
        assert [row.trade_id for row in snapshot.trades_behind(ALICE, "USD")] == ["OURS"]


def test_a_day_without_trades(backend: Backend) -> None:
    """Nothing at all is an answer, too; whether it is allowed is decided elsewhere."""
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 0
        assert snapshot.watermark() is None
        assert snapshot.newest_executed_at() is None
        assert list(snapshot.net_positions()) == []
        assert snapshot.house_positions() == {}
    assert backend.warehouse().loaded_until(partner(), LATER) is None


def test_late_trades_are_told_apart_by_the_watermark(backend: Backend) -> None:
    """Up to the earlier watermark all is as it was; what came later is listed."""
    backend.insert(trade("EARLY", recorded_at=NOON), trade("LAST", recorded_at=NOON + HOUR))
    with backend.warehouse().snapshot(partner(), DAY) as first:
        watermark = first.watermark()
        assert watermark == NOON + HOUR
        before = list(first.net_positions())
    backend.insert(
        trade("LATE", recorded_at=END + HOUR, base_quantity=5, buyer_connection_id=CAROL)
    )
    with backend.warehouse().snapshot(partner(), DAY) as second:
        assert second.trade_count_until(watermark) == 2
        assert list(second.net_positions_until(watermark)) == before
        assert [row.trade_id for row in second.trades_recorded_after(watermark)] == ["LATE"]
        assert second.trade_count() == 3
        assert Line(CAROL, "BTC", 5) in list(second.net_positions())


def test_loaded_until_looks_at_all_days_of_the_partner(backend: Backend) -> None:
    """The load has passed a cut-off once any later trade of the partner is there."""
    backend.insert(
        trade("T1"),
        trade("NEXT DAY", executed_at=END + HOUR, recorded_at=END + 2 * HOUR),
        trade("THEIRS", partner="other", recorded_at=END + 9 * HOUR),
    )
    assert backend.warehouse().loaded_until(partner(), LATER) == END + 2 * HOUR


def test_a_recording_of_the_future_says_nothing_about_the_load(backend: Backend) -> None:
    """One mistaken `recorded_at` must not end the waiting for every later date."""
    backend.insert(trade("T1"), trade("MISTAKEN", recorded_at=LATER + 5 * YEAR))
    assert backend.warehouse().loaded_until(partner(), LATER) == NOON


def test_a_trade_row_holds_every_column_exactly(backend: Backend) -> None:
    """Explain shows trades as they are, amounts beyond 64 bits included."""
    backend.insert(trade("T1", base_quantity=10**30 + 1, seller_connection_id="house"))
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        (row,) = snapshot.trades_behind(ALICE, "BTC")
    assert row.base_quantity == 10**30 + 1
    assert (row.buyer_connection_id, row.seller_connection_id) == (ALICE, "house")
    assert (row.executed_at, row.recorded_at) == (NOON, NOON)
    assert (row.quote_quantity, row.buyer_fee, row.seller_fee) == (100, 3, -1)
    assert row.effect_on(ALICE, "USD") == -103
    assert row.effect_on(BOB, "USD") == 0


def test_a_concurrent_load_is_not_seen_by_an_open_snapshot(backend: Backend) -> None:
    """Checks, count, positions and house side are read from the same rows."""
    backend.insert(trade("T1"))
    warehouse, load = _while_loading(backend)
    with warehouse.snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        before = list(snapshot.net_positions())
        load(trade("T2"))
        assert list(snapshot.net_positions()) == before
        assert snapshot.trade_count() == 1
        assert snapshot.house_positions() == {"USD": 2}
    with warehouse.snapshot(partner(), DAY) as later:
        assert later.trade_count() == 2, "the load itself did happen"


def _while_loading(backend: Backend) -> tuple[SqlWarehouse, Any]:
    """Make a warehouse and its loader; DuckDB lets both in only within one process."""
    if backend.dialect == "postgres":
        return backend.warehouse(), backend.insert
    shared = backend.writable()

    def load(row: dict[str, Any]) -> None:
        marks = ", ".join(["?"] * len(row))
        shared.cursor().execute(f"INSERT INTO trades VALUES ({marks})", list(row.values()))

    return SqlWarehouse(shared.cursor, "duckdb", "?", SQL_FOLDER), load


def test_the_snapshot_cannot_write(backend: Backend) -> None:
    """Whatever an adapted query contains, it changes nothing, even on a writable connection."""
    backend.insert(trade("T1"))
    with closing(backend.writable()) as connection:
        begin_snapshot(connection, backend.dialect)
        with pytest.raises((duckdb.Error, psycopg.Error), match="read-only"):
            connection.execute("DELETE FROM trades")
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        assert snapshot.trade_count() == 1


def test_duckdb_spills_instead_of_growing() -> None:
    """It runs inside the task: what does not fit goes to a folder that only the task can read."""
    settings = "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    with session.opened(duckdb.connect, "duckdb", "?") as opened:
        _, row = opened.first_row("asking", settings, {})
        assert row is not None
        limit, folder = row
        assert limit == "953.6 MiB", "1 GB"
        assert stat.S_IMODE(Path(str(folder)).stat().st_mode) == stat.S_IRWXU
    assert not Path(str(folder)).exists()


def test_rows_are_fetched_as_they_are_read(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A position is handed on before the rest is fetched: a big day never sits in memory."""
    monkeypatch.setattr(session, "ROWS_PER_FETCH", 2)
    backend.insert(trade("T1"), trade("T2", buyer_connection_id=CAROL, base_currency="ETH"))
    fetched: list[int] = []
    warehouse = SqlWarehouse(
        lambda: _Counting(backend.connect(), fetched),
        backend.dialect,
        backend.placeholder,
        SQL_FOLDER,
    )
    with warehouse.snapshot(partner(), DAY) as snapshot:
        fetched.clear()
        lines = snapshot.net_positions()
        first = next(lines)
        assert fetched == [2]
        rest = list(lines)
        assert fetched == [2, 2, 2, 1, 0]
    assert [first, *rest] == [
        Line(ALICE, "BTC", 2),
        Line(ALICE, "USD", -103),
        Line(BOB, "BTC", -2),
        Line(BOB, "ETH", -2),
        Line(BOB, "USD", 202),
        Line(CAROL, "ETH", 2),
        Line(CAROL, "USD", -103),
    ]


class _Counting:
    """A connection, or cursor, that notes how many rows each fetch returned."""

    def __init__(self, real: Any, fetched: list[int]) -> None:
        self.__dict__.update(real=real, fetched=fetched)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.real, name, value)

    def cursor(self, *args: Any) -> _Counting:
        return _Counting(self.real.cursor(*args), self.fetched)

    def fetchmany(self, size: int) -> list[Any]:
        rows: list[Any] = self.real.fetchmany(size)
        self.fetched.append(len(rows))
        return rows


@pytest.mark.parametrize("driver", [psycopg, psycopg2])
def test_postgres_keeps_the_rows_until_they_are_fetched(
    postgres_backend: Backend, postgres_uri: str, driver: Any
) -> None:
    """A plain cursor would hold the whole result in this process before the first row."""
    postgres_backend.create()
    postgres_backend.insert(trade("T1"))
    with closing(driver.connect(postgres_uri)) as connection:
        warehouse = SqlWarehouse(lambda: connection, "postgres", "%s", SQL_FOLDER)
        with warehouse.snapshot(partner(), DAY) as snapshot:
            next(snapshot.net_positions())
            cursor = connection.cursor()
            cursor.execute("SELECT statement LIKE '%legs%' FROM pg_cursors")
            assert cursor.fetchall() == [(True,)], "one cursor, that of the net positions"


@pytest.mark.filterwarnings("error")
def test_an_abandoned_stream_does_no_harm(backend: Backend) -> None:
    """Whoever stops reading early may ask the next question, and leave."""
    backend.insert(trade("T1"))
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        lines = snapshot.net_positions()
        next(lines)
        assert snapshot.trade_count() == 1
        late = snapshot.trades_behind(ALICE, "BTC")
        next(late)


def test_two_streams_at_once_are_refused(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """On DuckDB the first would go on with rows of the second; no driver gets the chance."""
    monkeypatch.setattr(session, "ROWS_PER_FETCH", 1)
    backend.insert(trade("T1"))
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        first = snapshot.net_positions()
        next(first)
        next(snapshot.net_positions_until(END))
        with pytest.raises(WarehouseError, match="one question at a time"):
            next(first)


def test_the_session_is_utc_whatever_the_server_says(backend: Backend, tmp_path: Path) -> None:
    """A timestamp without a zone, written in trades.sql, means UTC."""
    for file in SQL_FOLDER.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    trades = (SQL_FOLDER / "trades.sql").read_text()
    (tmp_path / "trades.sql").write_text(
        f"{trades} AND executed_at <= TIMESTAMP '2026-03-03 12:00:00';"
    )
    backend.insert(trade("NOON"), trade("LATER", executed_at=NOON + HOUR, recorded_at=NOON + HOUR))

    def in_tokyo() -> Any:
        connection = backend.connect()
        if backend.dialect == "duckdb":
            connection.execute("SET TimeZone = 'Asia/Tokyo'")
        else:
            connection.cursor().execute("SET TIME ZONE 'Asia/Tokyo'")
            connection.commit()
        return connection

    warehouse = SqlWarehouse(in_tokyo, backend.dialect, backend.placeholder, tmp_path)
    with warehouse.snapshot(partner(), DAY) as snapshot:
        assert snapshot.trade_count() == 1
        assert snapshot.watermark() == NOON


def test_a_connection_in_autocommit_still_gives_one_snapshot(postgres_backend: Backend) -> None:
    """Some hooks hand over connections in autocommit, where a transaction setting is void."""
    postgres_backend.create()
    postgres_backend.insert(trade("T1"))
    warehouse = SqlWarehouse(postgres_backend.writable, "postgres", "%s", SQL_FOLDER)
    with warehouse.snapshot(partner(), DAY) as snapshot:
        list(snapshot.net_positions())
        postgres_backend.insert(trade("T2"))
        assert snapshot.trade_count() == 1


ROW_FACTORIES: dict[str, Callable[[str], Any]] = {
    "psycopg, dictionaries": bound(psycopg.connect, row_factory=psycopg.rows.dict_row),
    "psycopg, named tuples": bound(psycopg.connect, row_factory=psycopg.rows.namedtuple_row),
    "psycopg2, dictionaries": bound(
        psycopg2.connect, cursor_factory=psycopg2.extras.RealDictCursor
    ),
    "psycopg2, lists": bound(psycopg2.connect, cursor_factory=psycopg2.extras.DictCursor),
    "psycopg2, named tuples": bound(
        psycopg2.connect, cursor_factory=psycopg2.extras.NamedTupleCursor
    ),
}


@pytest.mark.parametrize("rows", ROW_FACTORIES)
def test_rows_are_read_by_position_whatever_the_connection_makes_of_them(
    postgres_backend: Backend, postgres_uri: str, rows: str
) -> None:
    """An Airflow connection's extra may choose dictionaries, for other users of it."""
    postgres_backend.create()
    postgres_backend.insert(trade("T1"))
    connect = bound(ROW_FACTORIES[rows], postgres_uri)
    warehouse = SqlWarehouse(connect, "postgres", "%s", SQL_FOLDER)
    assert warehouse.loaded_until(partner(), LATER) == NOON
    with warehouse.snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.house_positions() == {"USD": 2}
        assert len(list(snapshot.net_positions())) == 4
        assert [each.endings for each in snapshot.trade_ids()] == ["T1"]


def test_duckdb_readers_do_not_disturb_each_other(duckdb_backend: Backend) -> None:
    """Two snapshots of one file may be open at once."""
    duckdb_backend.create()
    duckdb_backend.insert(trade("T1"))
    with (
        duckdb_backend.warehouse().snapshot(partner(), DAY) as one,
        duckdb_backend.warehouse().snapshot(partner(), DAY) as other,
    ):
        assert one.trade_count() == other.trade_count() == 1
    with closing(duckdb_backend.writable()) as connection:
        assert isinstance(connection, duckdb.DuckDBPyConnection), "both have let go of the file"
