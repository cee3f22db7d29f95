"""Net positions and the house's side, on every database and driver."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settlement.values import Line
from settlement.warehouse import require_balanced

from .conftest import ALICE, BOB, CAROL, DAY, HOUSE, Backend, partner, trade

TEN_TO_30 = 10**30


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
        for who, fee in ((buyer, row["buyer_fee"]), (seller, row["seller_fee"])):
            move(who, quote, -fee)
            move(HOUSE, quote, fee)
    return {key: amount for key, amount in sums.items() if amount != 0}


quantities = st.integers(1, TEN_TO_30) | st.integers(1, 5)
fees = st.integers(-TEN_TO_30, TEN_TO_30) | st.integers(-2, 2)
parties = st.permutations([ALICE, BOB, CAROL, HOUSE]).map(lambda people: people[:2])
pairs = st.permutations(["BTC", "ETH", "USD"]).map(lambda currencies: currencies[:2])


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
            )
        )
    return rows


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=random_trades())
def test_the_queries_agree_with_plain_python(backend: Backend, rows: list[dict[str, Any]]) -> None:
    """Both statements give exactly the sums done by hand, and cancel out per currency."""
    backend.run("DELETE FROM trades")
    if rows:
        backend.insert(*rows)
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
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
