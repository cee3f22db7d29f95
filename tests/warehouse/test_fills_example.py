"""The example trades.sql over fills: exact, and what it cannot trust is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import pytest

from settlement.errors import WarehouseDataError
from settlement.values import Line

from .conftest import (
    ALICE,
    ALL,
    BOB,
    DAY,
    END,
    HOUSE,
    NOON,
    SQL_FOLDER,
    START,
    Backend,
    chosen_backend,
    partner,
)

Load = Callable[..., None]
COLUMNS = (
    *("partner", "trade_id", "side", "account", "executed_at", "recorded_at"),
    *("base_currency", "quote_currency", "base_amount", "quote_amount", "fee"),
)
TABLE = f"""
CREATE TABLE fills (
    partner VARCHAR, trade_id VARCHAR, side VARCHAR, account VARCHAR,
    executed_at TIMESTAMPTZ, recorded_at TIMESTAMPTZ,
    base_currency VARCHAR, quote_currency VARCHAR,
    {", ".join(f"{name} DECIMAL(38,18)" for name in COLUMNS[-3:])}
)
"""
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=ALL)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each database and driver, and Snowflake's stand-in, with an empty table of fills."""
    backend = chosen_backend(request)
    backend.run("DROP TABLE IF EXISTS fills")
    backend.run(TABLE)
    return backend


@pytest.fixture
def sql_folder(tmp_path: Path) -> Path:
    """The SQL folder with the example in the place of trades.sql."""
    folder = Path(copytree(SQL_FOLDER, tmp_path / "sql"))
    copy(folder / "examples" / "trades_from_fills.sql", folder / "trades.sql")
    return folder


def leg(trade_id: str | None, side: str, account: str, /, **changes: Any) -> dict[str, Any]:
    """One side of a sound trade of 1.5 BTC for 90000.25 USD; the fee is 0.01 USD."""
    sound = {
        "partner": "demo",
        "trade_id": trade_id,
        "side": side,
        "account": account,
        "executed_at": NOON,
        "recorded_at": NOON,
        "base_currency": "BTC",
        "quote_currency": "USD",
        "base_amount": Decimal("1.5"),
        "quote_amount": Decimal("90000.25"),
        "fee": Decimal("0.01"),
    }
    return {**sound, **changes}


def load(backend: Backend, *legs: dict[str, Any]) -> None:
    """Load sides of trades."""
    mark = "%s" if backend.dialect == "postgres" else "?"
    with closing(backend.writable()) as connection:
        connection.cursor().executemany(
            f"INSERT INTO fills VALUES ({', '.join([mark] * len(COLUMNS))})",
            [[each[name] for name in COLUMNS] for each in legs],
        )


def load_trade(backend: Backend, trade_id: str | None, **changes: Any) -> None:
    """Load both sides of a trade: Alice buys from Bob."""
    load(backend, leg(trade_id, "buy", ALICE, **changes), leg(trade_id, "sell", BOB, **changes))


def refusal(backend: Backend, sql_folder: Path) -> str:
    """Check the day and return the message of the refusal."""
    with (
        backend.warehouse(sql_folder).snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseDataError) as refused,
    ):
        snapshot.check()
    return str(refused.value)


def test_the_sides_become_trades_in_base_units(backend: Backend, sql_folder: Path) -> None:
    """Two rows are one trade; the house is a side like any other; a rebate is negative."""
    load_trade(backend, "T1")
    load(
        backend,
        leg("T2", "sell", HOUSE, fee=Decimal(0), recorded_at=NOON + MINUTE),
        leg("T2", "buy", ALICE, fee=Decimal("-0.02")),
    )
    with backend.warehouse(sql_folder).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 2
        assert snapshot.watermark() == NOON + MINUTE, "a trade is there when both sides are"
        assert list(snapshot.net_positions()) == [
            Line(ALICE, "BTC", 300_000_000),
            Line(ALICE, "USD", -18_000_050 + 1),
            Line(BOB, "BTC", -150_000_000),
            Line(BOB, "USD", 9_000_024),
        ]
        assert snapshot.house_positions() == {"BTC": -150_000_000, "USD": 9_000_025}
        (first, _) = snapshot.trades_behind(ALICE, "BTC")
    assert (first.trade_id, first.base_quantity, first.quote_quantity) == (
        "T1",
        150_000_000,
        9_000_025,
    )
    assert (first.buyer_fee, first.seller_fee) == (1, 1)


def test_no_digit_of_a_great_amount_is_lost(backend: Backend, sql_folder: Path) -> None:
    """All 38 digits of the column, which is more than 10^20 ether in wei."""
    amount = Decimal("12345678901234567890.123456789012345678")
    load_trade(backend, "T1", base_currency="ETH", base_amount=amount)
    with backend.warehouse(sql_folder).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert Line(ALICE, "ETH", 12345678901234567890123456789012345678) in list(
            snapshot.net_positions()
        )


REFUSED = {
    "too many decimals of BTC": (
        "base_quantity is null or not positive: trade BAD",
        {"base_amount": Decimal("1.500000001")},
    ),
    "a fraction of a cent": (
        "quote_quantity is null or not positive: trade BAD",
        {"quote_amount": Decimal("90000.255")},
    ),
    "a fee of a fraction of a cent": ("buyer_fee is null: trade BAD", {"fee": Decimal("0.001")}),
    "a currency that is not listed": (
        "quote_quantity is null or not positive: trade BAD",
        {"quote_currency": "EUR"},
    ),
    "no time": ("executed_at is null: trade BAD", {"executed_at": None}),
    "no load time": ("recorded_at is null or infinite: trade BAD", {"recorded_at": None}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_exact_is_refused_and_named(
    backend: Backend, sql_folder: Path, case: str
) -> None:
    """Nothing is rounded: the trade is named, and nothing is sent."""
    message, changes = REFUSED[case]
    load_trade(backend, "GOOD")
    load_trade(backend, "BAD", **changes)
    refused = refusal(backend, sql_folder)
    assert message in refused
    assert "GOOD" not in refused


SIDES = {
    "one side only": [leg("BAD", "buy", ALICE)],
    "three sides": [leg("BAD", "buy", ALICE), leg("BAD", "sell", BOB), leg("BAD", "sell", BOB)],
    "the same side twice": [leg("BAD", "buy", ALICE), leg("BAD", "buy", BOB)],
    "two amounts": [leg("BAD", "buy", ALICE), leg("BAD", "sell", BOB, base_amount=Decimal(2))],
    "two prices": [leg("BAD", "buy", ALICE), leg("BAD", "sell", BOB, quote_amount=Decimal(2))],
    "two currencies": [
        leg("BAD", "buy", ALICE),
        leg("BAD", "sell", BOB, base_currency="ETH", base_amount=Decimal("0.00000000015")),
    ],
    "two days": [leg("BAD", "buy", ALICE), leg("BAD", "sell", BOB, executed_at=START - MINUTE)],
}


@pytest.mark.parametrize("case", SIDES)
def test_sides_that_do_not_make_a_trade_are_refused(
    backend: Backend, sql_folder: Path, case: str
) -> None:
    """A half-loaded trade is not settled with one client."""
    load_trade(backend, "GOOD")
    load(backend, *SIDES[case])
    refused = refusal(backend, sql_folder)
    assert "trade BAD" in refused
    assert "GOOD" not in refused


@pytest.mark.parametrize("executed_at", [START - MINUTE, END])
def test_another_days_fills_are_not_seen(
    backend: Backend, sql_folder: Path, executed_at: datetime
) -> None:
    """The window is half-open, and another partner's fills are not ours."""
    load_trade(backend, "T1")
    load_trade(backend, "T2", executed_at=executed_at, recorded_at=executed_at)
    load_trade(backend, "T3", partner="other")
    with backend.warehouse(sql_folder).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 1
