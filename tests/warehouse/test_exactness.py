"""Amounts are exact or refused; so are times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from settlement.errors import WarehouseError, WarehouseTypeError
from settlement.values import Line
from settlement.warehouse.sql import SqlWarehouse

from .conftest import (
    ALICE,
    BOB,
    DAY,
    NOON,
    SQL_FOLDER,
    Backend,
    open_day,
    partner,
    trade,
)

AMOUNTS = ("base_quantity", "quote_quantity", "buyer_fee", "seller_fee")


def positions_of_the_day(backend: Backend) -> list[Line]:
    """Read the day's net positions."""
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        return list(snapshot.net_positions())


def test_sums_of_great_amounts_are_exact(backend: Backend) -> None:
    """A hundred trades of 10^30 and one unit: no digit is lost."""
    backend.insert(*[trade(f"T{number}", base_quantity=10**30 + 1) for number in range(100)])
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        lines = list(snapshot.net_positions())
    assert Line(ALICE, "BTC", 100 * 10**30 + 100) in lines
    assert Line(BOB, "BTC", -100 * 10**30 - 100) in lines


def test_a_sum_beyond_what_duckdb_holds_is_an_error(duckdb_backend: Backend) -> None:
    """Past 38 digits DuckDB neither wraps nor turns to floating point: it refuses."""
    duckdb_backend.create()
    nearly = 6 * 10**37
    duckdb_backend.insert(trade("T1", base_quantity=nearly), trade("T2", base_quantity=nearly))
    with pytest.raises(WarehouseError, match="38 digits"):
        positions_of_the_day(duckdb_backend)


def test_a_sum_beyond_a_hugeint_is_an_error(duckdb_backend: Backend) -> None:
    """The same for a column of 128-bit integers, in many parallel parts."""
    duckdb_backend.create(base_quantity="HUGEINT")
    duckdb_backend.insert(trade("T", base_quantity=2**110))
    duckdb_backend.run("INSERT INTO trades SELECT trades.* FROM trades, range(200_000)")
    with pytest.raises(WarehouseError, match="38 digits"):
        positions_of_the_day(duckdb_backend)


def test_postgres_has_no_such_limit(postgres_backend: Backend) -> None:
    """NUMERIC goes on, exactly."""
    postgres_backend.create(base_quantity="NUMERIC")
    nearly = 6 * 10**37
    postgres_backend.insert(
        *[trade(f"T{number}", base_quantity=nearly + 1) for number in range(100)]
    )
    with postgres_backend.warehouse().snapshot(partner(), DAY) as snapshot:
        assert Line(ALICE, "BTC", 100 * nearly + 100) in list(snapshot.net_positions())


def test_small_integer_columns_sum_beyond_64_bits(backend: Backend) -> None:
    """BIGINT columns are fine: the sum is wider than the column."""
    backend.create(**dict.fromkeys(AMOUNTS, "BIGINT"))
    greatest = 2**63 - 1
    backend.insert(trade("T1", base_quantity=greatest), trade("T2", base_quantity=greatest))
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert Line(ALICE, "BTC", 2 * greatest) in list(snapshot.net_positions())
        assert snapshot.house_positions() == {"USD": 4}


@pytest.mark.parametrize("column", AMOUNTS)
def test_a_floating_point_column_is_refused(backend: Backend, column: str) -> None:
    """Even where its values look whole: PostgreSQL would print them like integers."""
    backend.create(**{column: "DOUBLE PRECISION"})
    backend.insert(trade("T1"))
    with pytest.raises(WarehouseTypeError, match=f"column {column}: .* floating-point"):
        open_day(backend.warehouse())


@pytest.mark.parametrize("column", ["executed_at", "recorded_at"])
def test_a_time_without_a_zone_is_refused(backend: Backend, column: str) -> None:
    """Nobody can tell whose noon it is."""
    backend.create(**{column: "TIMESTAMP"})
    backend.insert(trade("T1", **{column: NOON.replace(tzinfo=None)}))
    with pytest.raises(WarehouseTypeError, match=f"column {column}: .* has no time zone"):
        open_day(backend.warehouse())


def test_whole_amounts_in_a_column_with_decimals_are_refused(backend: Backend) -> None:
    """A scale suggests full units: 2.000 BTC is not 2 satoshi."""
    backend.create(base_quantity="DECIMAL(38,3)")
    backend.insert(trade("T1"))
    with pytest.raises(WarehouseTypeError, match=r"column base_quantity: 2\.000 has decimals"):
        open_day(backend.warehouse())


def test_connections_may_be_of_type_uuid(backend: Backend) -> None:
    """Its text is the canonical one, on every database and driver."""
    backend.create(buyer_connection_id="UUID")
    backend.insert(trade("T1"))
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert Line(ALICE, "BTC", 2) in list(snapshot.net_positions())
        assert len(list(snapshot.trades_behind(ALICE, "BTC"))) == 1


class FakeDriver:
    """A driver that returns what it likes, whatever the statement."""

    autocommit = False

    def __init__(self, *results: tuple[list[str], list[Any]]) -> None:
        self._results = list(results)
        self._rows: list[list[Any]] = []
        self.description: list[tuple[str]] = []

    def cursor(self, *name: str) -> FakeDriver:
        """Return itself, for every name."""
        return self

    def execute(self, statement: str, parameters: object = ()) -> None:
        """Put the next answer up; settings of the session get none."""
        if statement.startswith("WITH"):
            names, row = self._results.pop(0)
            self.description, self._rows = [(name,) for name in names], [row]

    def fetchmany(self, size: int) -> list[Any]:
        """Hand out the answer once."""
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        """Have nothing to close."""


def fake_warehouse(*results: tuple[list[str], list[Any]], **changes: Any) -> SqlWarehouse:
    """Make a warehouse over the fake driver, which answers first with a trade, twice."""
    sound = trade("T1", **changes)
    first = (list(sound), list(sound.values()))
    driver = FakeDriver(first, first, *results)
    return SqlWarehouse(lambda: driver, "postgres", "%s", SQL_FOLDER)


@pytest.mark.parametrize(
    "changes",
    [
        {"base_quantity": 2.0},
        {"buyer_fee": 1e30},
        {"executed_at": datetime(2026, 3, 3, 12)},  # noqa: DTZ001
        {"recorded_at": date(2026, 3, 3)},
        {"recorded_at": "2026-03-03T12:00:00Z"},
        {"buyer_connection_id": 7},
        {"base_currency": 7},
        {"buyer_fee_currency": 7},
        {"trade_id": 7.0},
        {"trade_id": Decimal("7.0")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_raw_value_that_is_not_exact_is_refused(changes: dict[str, Any]) -> None:
    """The first trade tells the types of all; the error names the column."""
    (column,) = changes
    with pytest.raises(WarehouseTypeError, match=f"column {column}: .*Next step"):
        open_day(fake_warehouse(**changes))


@pytest.mark.parametrize(
    "amount", [1.0, 1, Decimal(1), True, None, "1.0", "1e3", "+1", "01", "-0", " 1", "", "\u0661"]
)
def test_an_amount_that_is_not_plain_digits_is_refused(amount: object) -> None:
    """The queries return amounts as text; anything else has been through other hands."""
    columns = ["connection_id", "currency", "amount"]
    warehouse = fake_warehouse((columns, [ALICE, "BTC", amount]))
    with (
        warehouse.snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseTypeError, match="column amount: "),
    ):
        list(snapshot.net_positions())


@pytest.mark.parametrize(
    "row", [[1.0, NOON, NOON], [True, NOON, NOON], [1, NOON.replace(tzinfo=None), NOON]]
)
def test_a_count_or_watermark_that_is_not_exact_is_refused(row: list[Any]) -> None:
    """History is compared by them."""
    columns = ["trade_count", "watermark", "newest_executed_at"]
    with (
        fake_warehouse((columns, row)).snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseTypeError),
    ):
        snapshot.trade_count()


def test_times_are_returned_in_utc() -> None:
    """Whatever zone a driver answers in."""
    tokyo = datetime.fromisoformat("2026-03-03T21:00:00+09:00")
    columns = ["trade_count", "watermark", "newest_executed_at"]
    with fake_warehouse((columns, [1, tokyo, tokyo])).snapshot(partner(), DAY) as snapshot:
        watermark = snapshot.watermark()
    assert watermark == NOON
    assert watermark.tzinfo is UTC
