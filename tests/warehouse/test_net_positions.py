"""Net positions and the house's side, on every database and driver."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settlement.errors import WarehouseError, WarehouseUnbalancedError
from settlement.values import Line
from settlement.warehouse import require_balanced

from .conftest import (
    ALICE,
    ALL,
    BOB,
    CAROL,
    DAY,
    HOUSE,
    NOON,
    SQL_FOLDER,
    START,
    Backend,
    chosen_backend,
    partner,
    trade,
)

TEN_TO_30 = 10**30


@pytest.fixture(params=ALL)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each database and driver, and Snowflake's stand-in."""
    return chosen_backend(request)


def positions_by_hand(trades: Iterable[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Compute what the queries must find, with the house as a party like any other."""
    sums: dict[tuple[str, str], int] = {}

    def move(who: str | None, currency: str, amount: int) -> None:
        key = (who or HOUSE, currency)
        sums[key] = sums.get(key, 0) + amount

    for row in trades:
        buyer, seller = row["buyer_connection_id"], row["seller_connection_id"]
        base, quote = row["base_currency"], row["quote_currency"]
        move(buyer, base, row["base_quantity"])
        move(seller, base, -row["base_quantity"])
        move(buyer, quote, -row["quote_quantity"])
        move(seller, quote, row["quote_quantity"])
        for who, side in ((buyer, "buyer"), (seller, "seller")):
            fee, currency = row[f"{side}_fee"], row[f"{side}_fee_currency"] or quote
            move(who, currency, -fee)
            move(HOUSE, currency, fee)
    return {key: amount for key, amount in sums.items() if amount != 0}


quantities = st.integers(1, TEN_TO_30) | st.integers(1, 5)
fees = st.integers(-TEN_TO_30, TEN_TO_30) | st.integers(-2, 2)
parties = st.permutations([ALICE, BOB, CAROL, HOUSE]).map(lambda people: people[:2])
pairs = st.permutations(["BTC", "ETH", "USD"]).map(lambda currencies: currencies[:2])
fee_currencies = st.sampled_from([None, "BTC", "ETH", "USD"])


@st.composite
def random_trades(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to twelve sound trades, big and small, with rebates and the house."""
    rows = []
    for number in range(draw(st.integers(0, 12))):
        (buyer, seller), (base, quote) = draw(parties), draw(pairs)
        rows.append(
            trade(
                f"T{number}",
                buyer_connection_id=buyer,
                seller_connection_id=seller,
                base_currency=base,
                quote_currency=quote,
                base_quantity=draw(quantities),
                quote_quantity=draw(quantities),
                buyer_fee=draw(fees),
                seller_fee=draw(fees),
                buyer_fee_currency=draw(fee_currencies),
                seller_fee_currency=draw(fee_currencies),
            )
        )
    return rows


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=random_trades())
def test_the_queries_agree_with_plain_python(
    backend: Backend, sql_with_fees: Path, rows: list[dict[str, Any]]
) -> None:
    """Both statements give exactly the sums done by hand, and cancel out per currency."""
    backend.run("DELETE FROM trades")
    if rows:
        backend.insert(*rows)
    with backend.warehouse(sql_with_fees).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        lines = list(snapshot.net_positions())
        house = snapshot.house_positions()
        behind = {
            line.key: sum(
                row.effect_on(line.connection_id, line.currency)
                for row in snapshot.trades_behind(line.connection_id, line.currency)
            )
            for line in lines
        }
    expected = positions_by_hand(rows)
    assert lines == [
        Line(who, currency, amount)
        for (who, currency), amount in sorted(expected.items())
        if who != HOUSE
    ]
    assert house == {currency: amt for (who, currency), amt in expected.items() if who == HOUSE}
    assert behind == {line.key: line.amount for line in lines}
    client_sums: dict[str, int] = {}
    for line in lines:
        client_sums[line.currency] = client_sums.get(line.currency, 0) + line.amount
    require_balanced(client_sums, house)


def test_a_fee_is_paid_in_its_own_currency(backend: Backend, sql_with_fees: Path) -> None:
    """In the asset received, in a third one, and in the quote currency where none is named."""
    backend.insert(
        trade("T1", buyer_fee_currency="BTC", seller_fee_currency="ETH", buyer_fee=1),
        trade("T2", buyer_fee_currency="USD", seller_fee=5),
    )
    with backend.warehouse(sql_with_fees).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        lines = list(snapshot.net_positions())
        house = snapshot.house_positions()
        (late, _) = snapshot.trades_recorded_after(START)
        behind = [row.trade_id for row in snapshot.trades_behind(BOB, "ETH")]
        not_behind = [row.trade_id for row in snapshot.trades_behind(ALICE, "ETH")]
    assert lines == [
        Line(ALICE, "BTC", 2 - 1 + 2),
        Line(ALICE, "USD", -100 - 100 - 3),
        Line(BOB, "BTC", -2 - 2),
        Line(BOB, "ETH", 1),
        Line(BOB, "USD", 100 + 100 - 5),
    ]
    assert house == {"BTC": 1, "ETH": -1, "USD": 3 + 5}
    assert (late.buyer_fee_currency, late.seller_fee_currency) == ("BTC", "ETH")
    assert late.currencies == {"BTC", "ETH", "USD"}
    assert behind == ["T1"]
    assert not_behind == []


def test_fee_currencies_may_be_left_out(backend: Backend) -> None:
    """A trades.sql from before they existed goes on working: fees are in the quote currency."""
    backend.insert(trade("T1"))
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert Line(ALICE, "USD", -103) in list(snapshot.net_positions())
        assert Line(ALICE, "USD", -103) in list(snapshot.net_positions_until(NOON))
        (row,) = snapshot.trades()
    assert (row.buyer_fee_currency, row.seller_fee_currency) == ("USD", "USD")


@pytest.fixture
def wrong_sql(tmp_path: Path, sql_with_fees: Path) -> Path:
    """Copy the SQL folder, to break one of its files."""
    return Path(copytree(sql_with_fees, tmp_path / "sql"))


def break_file(folder: Path, name: str, right: str, wrong: str) -> None:
    """Replace a part of a SQL file that must be there."""
    text = (folder / name).read_text()
    assert right in text
    (folder / name).write_text(text.replace(right, wrong))


WRONG_QUERIES = [
    ("net_positions.sql", "quote_quantity - CASE", "quote_quantity + CASE"),
    ("net_positions.sql", "THEN buyer_fee", "THEN 0"),
    ("net_positions.sql", "seller_fee_currency, -seller_fee", "seller_fee_currency, seller_fee"),
    ("house_positions.sql", "COALESCE(buyer_fee_currency, quote_currency)", "quote_currency"),
    ("net_positions.sql", "-base_quantity", "base_quantity"),
    ("net_positions.sql", "HAVING SUM(moved) <> 0", "HAVING SUM(moved) > 0"),
    ("house_positions.sql", "SUM(buyer_fee)", "SUM(seller_fee)"),
    ("house_positions.sql", "-SUM(base_quantity)", "SUM(base_quantity)"),
]


@pytest.mark.parametrize(("name", "right", "wrong"), WRONG_QUERIES)
def test_a_wrong_query_is_found_by_the_balance(
    backend: Backend, wrong_sql: Path, name: str, right: str, wrong: str
) -> None:
    """The two statements check each other: a mistake in either leaves something over."""
    break_file(wrong_sql, name, right, wrong)
    backend.insert(
        trade("T1"),
        trade("T2", seller_connection_id=HOUSE, seller_fee=0),
        trade("T3", buyer_fee_currency="BTC", seller_fee_currency="ETH"),
    )
    with backend.warehouse(wrong_sql).snapshot(partner(), DAY) as snapshot:
        sums: dict[str, int] = {}
        for line in snapshot.net_positions():
            sums[line.currency] = sums.get(line.currency, 0) + line.amount
        house = snapshot.house_positions()
    with pytest.raises(WarehouseUnbalancedError, match="clients plus house must be zero"):
        require_balanced(sums, house)


def test_the_balance_names_each_currency_that_is_off() -> None:
    """On call sees how much, in which currency, on which side."""
    require_balanced({"BTC": 5, "USD": 0}, {"BTC": -5})
    with pytest.raises(WarehouseUnbalancedError) as refused:
        require_balanced({"BTC": 5, "USD": 7}, {"BTC": -5, "USD": -8, "ETH": 1})
    assert "ETH: clients 0 + house 1 = 1; USD: clients 7 + house -8 = -1" in str(refused.value)
    assert "BTC:" not in str(refused.value)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ORDER BY connection_id", "ORDER BY connection_id DESC"),
        ("ORDER BY connection_id, currency", "ORDER BY connection_id, currency DESC"),
    ],
)
def test_positions_out_of_order_are_refused(
    backend: Backend, wrong_sql: Path, right: str, wrong: str
) -> None:
    """Comparing with an earlier reading relies on the order, so it is not taken on trust."""
    break_file(wrong_sql, "net_positions.sql", right, wrong)
    backend.insert(trade("T1"))
    with (
        backend.warehouse(wrong_sql).snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseError, match="ORDER BY"),
    ):
        list(snapshot.net_positions())


def test_the_kept_query_is_the_one_that_ran(backend: Backend) -> None:
    """The snapshot's query text holds trades.sql and the arithmetic, with named parameters."""
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        text = snapshot.query_text
    assert (SQL_FOLDER / "trades.sql").read_text().strip() in text
    _, arithmetic = (SQL_FOLDER / "net_positions.sql").read_text().split("FROM (")
    assert arithmetic.split("ORDER BY")[0] in text
    assert ":window_start" in text


def test_a_trades_query_may_be_any_statement(backend: Backend, wrong_sql: Path) -> None:
    """A model with its own WITH, casts, percent signs and question marks in texts is fine."""
    (wrong_sql / "trades.sql").write_text(
        """
        -- what about :this, or 100 % of it?
        WITH ours AS (
            SELECT * FROM trades /* :not_bound */
            WHERE partner = :partner AND trade_id::VARCHAR NOT LIKE 'test%:x?'
        )
        SELECT * FROM ours
        WHERE executed_at >= :window_start::TIMESTAMPTZ AND executed_at < :window_end; -- ours only;
        /* the end; */ ;  -- really
        """
    )
    backend.insert(trade("T1"), trade("test 1:x?"))
    with backend.warehouse(wrong_sql).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert snapshot.trade_count() == 1
        assert snapshot.trade_count_until(DAY.end) == 1
