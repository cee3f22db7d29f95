"""The example trades.sql over fills: exact, and what it cannot trust is refused."""

from __future__ import annotations

import csv
import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import pytest

from settlement.errors import WarehouseDataError
from settlement.values import Line, Window

from .conftest import (
    ALICE,
    ALL,
    BOB,
    CAROL,
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
from .test_one_state import copies_of_a_reading

COLUMNS = (
    *("partner", "market", "trade_id", "side", "account", "executed_at", "recorded_at"),
    *("base_currency", "quote_currency", "base_amount", "quote_amount", "fee", "fee_currency"),
)
TABLE = """
CREATE TABLE fills (
    partner VARCHAR, market VARCHAR, trade_id VARCHAR, side VARCHAR, account VARCHAR,
    executed_at TIMESTAMPTZ, recorded_at TIMESTAMPTZ,
    base_currency VARCHAR, quote_currency VARCHAR,
    base_amount DECIMAL(38,18), quote_amount DECIMAL(38,18), fee DECIMAL(38,18),
    fee_currency VARCHAR
)
"""
CASES = Path(__file__).parents[1] / "vectors" / "fills"
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


def leg(trade_id: str | None, side: str | None, account: str, /, **changes: Any) -> dict[str, Any]:
    """One side of a sound trade of 1.5 BTC for 90000.25 USD; the fee is 0.01 USD."""
    sound = {
        "partner": "demo",
        "market": "BTC-USD",
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
        "fee_currency": None,
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
        "BTC-USD:T1",
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
    "a currency that is not listed": (
        "trade BTC-USD:BAD (EUR is not listed in trades.sql)",
        {"quote_currency": "EUR"},
    ),
    "a fee in a currency that is not listed": (
        "trade BTC-USD:BAD (FTT is not listed in trades.sql)",
        {"fee_currency": "FTT"},
    ),
    "an amount that rounds to nothing": (
        "trade BTC-USD:BAD (an amount is less than half a base unit of its currency)",
        {"base_amount": Decimal("0.000000004")},
    ),
    "no fee": ("buyer_fee is null: trade BTC-USD:BAD", {"fee": None}),
    "no time": ("executed_at is null or infinite: trade BTC-USD:BAD", {"executed_at": None}),
    "an endless time": (
        "executed_at is null or infinite: trade BTC-USD:BAD",
        {"executed_at": "infinity", "recorded_at": NOON},
    ),
    "no load time": ("recorded_at is null or infinite: trade BTC-USD:BAD", {"recorded_at": None}),
    "no market": ("trade_id is null: trade (no id)", {"market": None}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trusted_is_refused_and_says_why(
    backend: Backend, sql_folder: Path, case: str
) -> None:
    """The trade is named, and nothing is sent."""
    message, changes = REFUSED[case]
    load_trade(backend, "GOOD")
    load_trade(backend, "BAD", **changes)
    refused = refusal(backend, sql_folder)
    assert message in refused
    assert "GOOD" not in refused


def one_side(side: str, account: str, **changes: Any) -> dict[str, Any]:
    """A side of the trade that is refused."""
    return leg("BAD", side, account, **changes)


COUNTED = "a trade has a buy and a sell; of this there are"
SIDES = {
    "one side only": (
        f"({COUNTED} 1 and 0 in the window, 1 rows in all)",
        [one_side("buy", ALICE)],
    ),
    "three sides": (
        f"({COUNTED} 1 and 2 in the window, 3 rows in all)",
        [one_side("buy", ALICE), one_side("sell", BOB), one_side("SELL", BOB)],
    ),
    "the same side twice": (
        f"({COUNTED} 2 and 0 in the window, 2 rows in all)",
        [one_side("buy", ALICE), one_side("Buy", BOB)],
    ),
    "a side of another name": (
        f"({COUNTED} 1 and 0 in the window, 2 rows in all)",
        [one_side("buy", ALICE), one_side("seller", BOB)],
    ),
    "a side without a name": (
        f"({COUNTED} 1 and 1 in the window, 3 rows in all)",
        [one_side("buy", ALICE), one_side("sell", BOB), leg("BAD", None, CAROL)],
    ),
    "two amounts": (
        "(the two sides name different amounts)",
        [one_side("buy", ALICE), one_side("sell", BOB, base_amount=Decimal(2))],
    ),
    "two amounts that round to one": (
        "(the two sides name different amounts)",
        [one_side("buy", ALICE), one_side("sell", BOB, base_amount=Decimal("1.500000001"))],
    ),
    "two prices": (
        "(the two sides name different amounts)",
        [one_side("buy", ALICE), one_side("sell", BOB, quote_amount=Decimal(2))],
    ),
    "two currencies": (
        "(the two sides name different currencies)",
        [one_side("buy", ALICE), one_side("sell", BOB, base_currency="ETH")],
    ),
    "two days": (
        f"({COUNTED} 1 and 0 in the window, 1 rows in all)",
        [one_side("buy", ALICE), one_side("sell", BOB, executed_at=START - MINUTE)],
    ),
}


@pytest.mark.parametrize("case", SIDES)
def test_sides_that_do_not_make_a_trade_are_refused(
    backend: Backend, sql_folder: Path, case: str
) -> None:
    """A half-loaded trade is not settled with one client."""
    reason, sides = SIDES[case]
    load_trade(backend, "GOOD")
    load(backend, *sides)
    refused = refusal(backend, sql_folder)
    assert f"trades.sql refuses it: trade BTC-USD:BAD {reason}" in refused
    assert "GOOD" not in refused


@pytest.fixture
def exact_folder(sql_folder: Path) -> Path:
    """The example, where nothing is to be rounded."""
    text = (sql_folder / "trades.sql").read_text()
    exact = re.sub(r"\bTRUE\b", "FALSE", text)
    assert exact.count("FALSE") == text.count("FALSE") + 5
    (sql_folder / "trades.sql").write_text(exact)
    return sql_folder


TOO_MANY_DECIMALS = {
    "of BTC": ("1.500000001", "BTC has 9 decimals, BTC has 8", {"base_amount"}),
    "a fraction of a cent": ("53.14901", "USD has 5 decimals, USD has 2", {"quote_amount"}),
    "in a fee": ("-0.001", "USD has 3 decimals, USD has 2", {"fee"}),
}


@pytest.mark.parametrize("case", TOO_MANY_DECIMALS)
def test_where_nothing_is_rounded_a_refusal_says_how_many_decimals_came(
    backend: Backend, exact_folder: Path, case: str
) -> None:
    """With the currency and how many it has."""
    amount, message, columns = TOO_MANY_DECIMALS[case]
    load_trade(backend, "GOOD", base_amount=Decimal("1.50000000"))
    load_trade(backend, "BAD", **dict.fromkeys(columns, Decimal(amount)))
    refused = refusal(backend, exact_folder)
    assert re.search(rf"trades.sql refuses it: trade BTC-USD:BAD \({amount}0* {message}\)", refused)
    assert "GOOD" not in refused


def test_a_fee_of_zero_is_in_no_currency(backend: Backend, sql_folder: Path) -> None:
    """Venues name a currency that nobody lists when nothing was charged."""
    load_trade(backend, "T1", fee=Decimal(0), fee_currency="FTT")
    with backend.warehouse(sql_folder).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.house_positions() == {}


def test_fills_as_venues_deliver_them(backend: Backend, sql_folder: Path) -> None:
    """Fees in three kinds of currencies, rebates, capitals, too many decimals, ids of a market."""
    expected = json.loads((CASES / "expected.json").read_text())
    with (CASES / "fills.csv").open() as file:
        for row in csv.DictReader(file):
            side = {**row, "partner": "demo", "account": row["client"]}
            load(backend, side)
    decimals = {"BTC": 8, "ETH": 18, "USD": 2, "USDC": 6, "BNB": 8}
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    window = Window(noon, noon + timedelta(days=1))
    with backend.warehouse(sql_folder).snapshot(partner(currencies=decimals), window) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 5
        positions: dict[str, dict[str, str]] = {}
        for line in snapshot.net_positions():
            positions.setdefault(line.connection_id, {})[line.currency] = str(line.amount)
        house = {currency: str(amount) for currency, amount in snapshot.house_positions().items()}
    assert positions == expected["net_positions"]
    assert house == expected["house"]


def test_a_table_of_fills_is_not_copied(duckdb_backend: Backend, sql_folder: Path) -> None:
    """The currencies that the example lists are no file."""
    duckdb_backend.run(TABLE)
    load_trade(duckdb_backend, "T1")
    assert copies_of_a_reading(duckdb_backend, sql_folder) == 0


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
