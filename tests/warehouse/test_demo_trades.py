"""The demo's trades: reproducible, sound, and with the edges in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from partner_sandbox.demo_trades import add_late_trades, seed_day
from settlement.values import Window
from settlement.warehouse import require_balanced
from settlement.warehouse.sql import SqlWarehouse

from .conftest import DAY, END, SQL_FOLDER, START, partner

CURRENCIES = {"BTC": 8, "ETH": 18, "MATIC": 18, "EUR": 2, "USD": 2, "USDC": 6}
CONNECTIONS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(20)]
NEXT_DAY = Window(END, END + timedelta(days=1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name a file in a folder that is not there yet."""
    return tmp_path / "demo" / "warehouse.duckdb"


def seed(file: Path, window: Window = DAY, **changes: Any) -> int:
    """Seed a day of 500 trades."""
    return seed_day(file, "demo", window, CONNECTIONS, CURRENCIES, **{"trades": 500, **changes})


def rows(file: Path, sql: str = "SELECT * FROM trades ORDER BY ALL") -> list[tuple[Any, ...]]:
    """Read the file, in UTC."""
    with duckdb.connect(str(file), read_only=True) as database:
        database.execute("SET TimeZone = 'UTC'")
        return database.execute(sql).fetchall()


def test_the_trades_are_fit_to_be_settled(file: Path) -> None:
    """They pass every check, and clients plus house is zero."""
    assert seed(file) == 500
    warehouse = SqlWarehouse(
        lambda: duckdb.connect(str(file), read_only=True), "duckdb", "?", SQL_FOLDER
    )
    with warehouse.snapshot(partner(currencies=CURRENCIES), DAY) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 500
        assert snapshot.newest_executed_at() == END - timedelta(microseconds=1)
        watermark = snapshot.watermark()
        assert watermark is not None
        assert watermark >= END, "the load has visibly passed the cut-off"
        sums: dict[str, int] = {}
        for line in snapshot.net_positions():
            sums[line.currency] = sums.get(line.currency, 0) + line.amount
        require_balanced(sums, snapshot.house_positions())
        assert set(sums) == set(CURRENCIES)


def test_the_same_seed_gives_the_same_trades(file: Path, tmp_path: Path) -> None:
    """A demo can be described in the docs, number by number; another seed gives another day."""
    twin, other = tmp_path / "twin.duckdb", tmp_path / "other.duckdb"
    seed(file)
    seed(twin)
    seed(other, seed=2)
    assert rows(file) == rows(twin)
    assert rows(file) != rows(other)


def test_a_known_trade_stays_as_it_is(file: Path) -> None:
    """The dice do not depend on the version of DuckDB."""
    seed(file)
    (trade,) = rows(file, "SELECT * EXCLUDE (recorded_at) FROM trades WHERE trade_id LIKE '%0007'")
    assert [str(value) for value in trade] == [
        "demo-20260302T220000-0000007",
        "demo",
        "2026-03-02 22:20:14.827721+00:00",
        "0000000d-0000-4000-8000-000000000000",
        "00000013-0000-4000-8000-000000000000",
        "ETH",
        "USDC",
        "1309413990594557913",
        "4682148000",
        "-936429",
        "4682148",
    ]


def test_seeding_again_changes_nothing(file: Path) -> None:
    """Not even with another seed: what was settled stays; `replace` starts the day over."""
    seed(file)
    before = rows(file)
    assert seed(file) == 0
    assert seed(file, seed=2) == 0
    assert rows(file) == before
    seed(file, NEXT_DAY)
    assert seed(file, seed=2, replace=True) == 500
    assert len(rows(file)) == 1000
    assert rows(file)[:500] != before
    assert seed(file, replace=True) == 500
    assert rows(file)[:500] == before


def test_the_days_hold_what_real_ones_hold(file: Path) -> None:
    """Rebates, the house on both sides, 18 decimals, the window's edges, many pairs."""
    seed(file)
    (found,) = rows(
        file,
        """
        SELECT
            count(*) FILTER (WHERE least(buyer_fee, seller_fee) < 0) > 100,
            count(*) FILTER (WHERE buyer_connection_id = 'house') > 50,
            count(*) FILTER (WHERE seller_connection_id = 'house') > 50,
            count(*) FILTER (WHERE buyer_connection_id = seller_connection_id) = 0,
            count(*) FILTER (WHERE base_currency = 'ETH' AND base_quantity % 1000 <> 0) > 50,
            count(DISTINCT base_currency || quote_currency) > 5,
            count(DISTINCT buyer_connection_id) = 21,
            count(DISTINCT trade_id) = 500,
            min(recorded_at - executed_at) >= INTERVAL 1 SECOND,
            max(recorded_at - executed_at) <= INTERVAL 30 SECOND,
        FROM trades
        """,
    )
    assert all(found), found
    assert rows(file, "SELECT min(executed_at), max(executed_at) FROM trades") == [
        (START, END - timedelta(microseconds=1))
    ]


def test_late_trades_belong_to_the_day_but_come_after_it(file: Path) -> None:
    """They are in the window, and behind every watermark that was read before."""
    seed(file)
    seed(file, NEXT_DAY)
    recorded_at = END + timedelta(hours=30)
    for added in (3, 0):
        assert added == add_late_trades(
            file, "demo", DAY, CONNECTIONS, CURRENCIES, count=3, recorded_at=recorded_at
        )
    found = rows(file, "SELECT executed_at, recorded_at FROM trades WHERE trade_id LIKE '%late%'")
    assert len(found) == 3
    assert all(DAY.start <= executed < DAY.end for executed, _ in found)
    assert {recorded for _, recorded in found} == {recorded_at}
    assert seed(file) == 0, "late trades do not make a seeded day look new"


def test_unknown_currencies_and_few_of_them_work(file: Path) -> None:
    """A platform may call its currencies what it likes."""
    for number, currencies in enumerate(
        ({"TBTC": 8, "TUSD": 2}, {"USD": 2, "USDC": 6}, {"A": 0, "USD": 0})
    ):
        window = Window(END + timedelta(days=number), END + timedelta(days=number + 1))
        assert seed_day(file, "demo", window, CONNECTIONS[:2], currencies, trades=50) == 50
    assert rows(file, "SELECT min(base_quantity) > 0, min(quote_quantity) > 0 FROM trades") == [
        (True, True)
    ]


@pytest.mark.parametrize(("connections", "currencies"), [(1, 2), (2, 1)])
def test_too_few_of_anything_is_refused(file: Path, connections: int, currencies: int) -> None:
    """A trade has two sides and two currencies."""
    few = dict(list(CURRENCIES.items())[:currencies])
    with pytest.raises(ValueError, match="at least two"):
        seed_day(file, "demo", DAY, CONNECTIONS[:connections], few)
