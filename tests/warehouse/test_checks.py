"""Every check refuses the trade that it is for, and names it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from settlement.errors import WarehouseDataError
from settlement.warehouse.hashed_ids import read_trade_ids

from .conftest import (
    ALICE,
    ALL,
    CAROL,
    DAY,
    HOUSE,
    NOON,
    SQL_FOLDER,
    Backend,
    chosen_backend,
    partner,
    trade,
)

AMOUNTS = ("base_quantity", "quote_quantity", "buyer_fee", "seller_fee")

BAD_TRADES: dict[str, tuple[str, dict[str, Any]]] = {
    "no trade id": ("trade_id is null: trade (no id)", {"trade_id": None}),
    "no execution time": ("executed_at is null or infinite: trade BAD", {"executed_at": None}),
    "no load time": ("recorded_at is null or infinite: trade BAD", {"recorded_at": None}),
    "load time before the trade": (
        "recorded_at is over 5 minutes before executed_at: trade BAD",
        {"recorded_at": NOON - timedelta(hours=5)},
    ),
    "no buyer": ("buyer_connection_id is null: trade BAD", {"buyer_connection_id": None}),
    "no seller": ("seller_connection_id is null: trade BAD", {"seller_connection_id": None}),
    "buyer in upper case": (
        f"is neither house nor a UUID in lower case (did you mean '{CAROL}'?): trade BAD",
        {"buyer_connection_id": "AAAAAAAA-3333-4333-8333-333333333333"},
    ),
    "seller with a line end": (
        rf"seller_connection_id '{ALICE}\n' is neither house nor a UUID in lower case (did",
        {"seller_connection_id": ALICE + "\n"},
    ),
    "both are the house": (
        "buyer and seller are both the house: trade BAD",
        {"buyer_connection_id": HOUSE, "seller_connection_id": HOUSE},
    ),
    "no base currency": ("base_currency is null: trade BAD", {"base_currency": None}),
    "no quote currency": ("quote_currency is null: trade BAD", {"quote_currency": None}),
    "unknown base currency": (
        "base_currency 'DOGE' is not in the partner file: trade BAD",
        {"base_currency": "DOGE"},
    ),
    "unknown quote currency": (
        "quote_currency 'usd' is not in the partner file (did you mean 'USD'?): trade BAD",
        {"quote_currency": "usd"},
    ),
    "currency against itself": (
        "a currency is traded against itself: trade BAD",
        {"base_currency": "USD"},
    ),
    "no base quantity": (
        "base_quantity is null or not positive: trade BAD",
        {"base_quantity": None},
    ),
    "base quantity zero": ("base_quantity is null or not positive", {"base_quantity": 0}),
    "no quote quantity": (
        "quote_quantity is null or not positive: trade BAD",
        {"quote_quantity": None},
    ),
    "quote quantity negative": ("quote_quantity is null or not positive", {"quote_quantity": -1}),
    "no buyer fee": ("buyer_fee is null: trade BAD", {"buyer_fee": None}),
    "no seller fee": ("seller_fee is null: trade BAD", {"seller_fee": None}),
}


@pytest.fixture(params=ALL)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each database and driver, and Snowflake's stand-in."""
    return chosen_backend(request)


def refusal(backend: Backend, sql_folder: Path = SQL_FOLDER, **settings: Any) -> str:
    """Check the day and return the message of the refusal."""
    warehouse = backend.warehouse(sql_folder)
    with (
        warehouse.snapshot(partner(**settings), DAY) as snapshot,
        pytest.raises(WarehouseDataError) as refused,
    ):
        snapshot.check()
    return str(refused.value)


@pytest.mark.parametrize("case", BAD_TRADES)
def test_a_bad_trade_is_refused_and_named(backend: Backend, case: str) -> None:
    """One bad trade among good ones fails exactly its own check."""
    message, changes = BAD_TRADES[case]
    backend.insert(trade("GOOD"), trade("BAD", **changes), trade("FINE"))
    refused = refusal(backend)
    assert message in refused
    assert "GOOD" not in refused
    assert "FINE" not in refused
    assert refused.count(": trade ") == 1, "one check for one fault"


def test_sound_trades_pass(backend: Backend) -> None:
    """Clients, the house on either side, and rebates are all fit to be settled."""
    backend.insert(
        trade("T1"),
        trade("T2", buyer_connection_id=HOUSE, buyer_fee=0),
        trade("T3", seller_connection_id=HOUSE, seller_fee=-7),
        trade("T4", seller_connection_id=ALICE, base_currency="ETH"),
    )
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 4


def test_a_duplicate_is_refused(backend: Backend) -> None:
    """A trade that was loaded twice would be settled twice; it is found by the ids themselves."""
    backend.insert(trade("T1"), trade("T2"), trade("T1"))
    with (
        backend.warehouse().snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseDataError, match="trade_id is there more than once: trade T1"),
    ):
        read_trade_ids(snapshot, "demo 2026-03-03")


def test_null_is_the_house_only_where_the_partner_file_says_so(backend: Backend) -> None:
    """With null_is_house, null passes; but a null against the house is the house with itself."""
    backend.insert(trade("T1", buyer_connection_id=None))
    with backend.warehouse().snapshot(partner(null_is_house=True), DAY) as snapshot:
        snapshot.check()
        assert snapshot.house_positions() == {"BTC": 2, "USD": -101}
    backend.insert(trade("T2", buyer_connection_id=None, seller_connection_id=HOUSE))
    refused = refusal(backend, null_is_house=True)
    assert "buyer and seller are both the house: trade T2" in refused


def test_a_fraction_of_a_base_unit_is_refused(postgres_backend: Backend) -> None:
    """In PostgreSQL, a column of plain NUMERIC may hold decimals in some rows only."""
    postgres_backend.create(**dict.fromkeys(AMOUNTS, "NUMERIC"))
    for column in AMOUNTS:
        postgres_backend.run("DELETE FROM trades")
        postgres_backend.insert(trade("T1"), trade("T2", **{column: Decimal("2.5")}))
        refused = refusal(postgres_backend)
        assert "an amount is not a whole number of base units: trade T2" in refused


def test_a_query_that_returns_other_days_is_refused(backend: Backend, tmp_path: Path) -> None:
    """A mistake at the edge of the window in an adapted trades.sql does not go unseen."""
    for file in SQL_FOLDER.glob("*.sql"):
        text = file.read_text().replace("executed_at < :window_end)", "executed_at <= :window_end)")
        (tmp_path / file.name).write_text(text)
    backend.insert(trade("EDGE", executed_at=DAY.end, recorded_at=DAY.end))
    assert "executed_at is outside the window: trade EDGE" in refusal(backend, tmp_path)


def test_five_examples_are_named_and_the_rest_counted(backend: Backend) -> None:
    """A bad load of thousands of trades still gives a message that fits on a page."""
    backend.insert(*[trade(f"T{number}", base_quantity=0) for number in range(1, 9)])
    message = "base_quantity is null or not positive: trade T1, T2, T3, T4, T5 and 3 more"
    assert message in refusal(backend)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("bad_comes_first", [True, False])
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_what_is_no_number_is_refused_with_its_id(
    request: pytest.FixtureRequest, driver: str, amount: str, *, bad_comes_first: bool
) -> None:
    """In PostgreSQL, a NUMERIC may be NaN or infinite: a sum over it would be, too."""
    backend = chosen_backend(request, driver)
    backend.create(**dict.fromkeys(AMOUNTS, "NUMERIC"))
    for column in AMOUNTS:
        backend.run("DELETE FROM trades")
        bad, good = trade("BAD", **{column: Decimal(amount)}), trade("GOOD")
        backend.insert(*([bad, good] if bad_comes_first else [good, bad]))
        refused = refusal(backend)
        assert "an amount is NaN or infinite: trade BAD" in refused
        assert "GOOD" not in refused


@pytest.mark.parametrize("executed_at", [None, "infinity", "-infinity"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_trade_of_no_day_is_refused_on_every_day(
    backend: Backend, executed_at: str | None, *, alone: bool
) -> None:
    """It lies in no window: returned to none, it would never be settled and nobody would know."""
    if not alone:
        backend.insert(trade("GOOD"))
    backend.insert(trade("BAD"))
    value = "NULL" if executed_at is None else f"'{executed_at}'"
    backend.run(f"UPDATE trades SET executed_at = {value} WHERE trade_id = 'BAD'")
    refused = refusal(backend)
    assert "executed_at is null or infinite: trade BAD" in refused
    assert refused.count(": trade ") == 1, "one check for one fault"


@pytest.mark.parametrize("recorded_at", ["infinity", "-infinity"])
def test_an_infinite_load_time_is_refused(backend: Backend, recorded_at: str) -> None:
    """It is past every watermark, or before each: no later reading would find it late."""
    backend.insert(trade("GOOD"), trade("BAD"))
    backend.run(f"UPDATE trades SET recorded_at = '{recorded_at}' WHERE trade_id = 'BAD'")
    refused = refusal(backend)
    assert "recorded_at is null or infinite: trade BAD" in refused
    assert refused.count(": trade ") == 1, "one check for one fault"


def test_all_failed_checks_are_named_at_once(backend: Backend) -> None:
    """The engineer corrects the load once, not check by check."""
    backend.insert(trade("T1", base_quantity=0, buyer_fee=None))
    refused = refusal(backend)
    assert "base_quantity is null or not positive: trade T1" in refused
    assert "buyer_fee is null: trade T1" in refused
