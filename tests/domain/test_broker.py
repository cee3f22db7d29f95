"""Clients of a broker settle with each other: who pays whom."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import NotNettingError
from settlement.request.broker import ClientToClient, client_to_client, require_one_netting_request
from settlement.request.instruction import SettlementInstruction
from settlement.values import Line, PositionKey, as_lines, as_positions

trades = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from("abcd"),
        st.sampled_from(["BTC", "USD"]),
        st.integers(1, 10**30),
    ).filter(lambda trade: trade[0] != trade[1]),
    max_size=8,
)


def net(traded: list[tuple[str, str, str, int]]) -> tuple[Line, ...]:
    """Net positions of amounts that one client gave another."""
    lines = [Line(giver, currency, -amount) for giver, _, currency, amount in traded]
    lines += [Line(taker, currency, amount) for _, taker, currency, amount in traded]
    return as_lines(as_positions(lines))


@given(trades)
def test_every_position_is_met_to_the_last_unit(traded: list[tuple[str, str, str, int]]) -> None:
    """And nobody pays more than it lost, or pays itself."""
    lines = net(traded)
    moved: dict[PositionKey, int] = {}
    for each in client_to_client(lines):
        assert each.amount > 0
        assert each.source != each.destination
        for connection, amount in ((each.source, -each.amount), (each.destination, each.amount)):
            key = PositionKey(connection, each.currency)
            moved[key] = moved.get(key, 0) + amount
    assert as_lines(moved) == lines


@given(trades, st.randoms())
def test_the_order_of_the_lines_changes_nothing(
    traded: list[tuple[str, str, str, int]], chance: object
) -> None:
    """The same positions give the same bytes, after a lost ledger too."""
    lines = list(net(traded))
    expected = client_to_client(lines)
    chance.shuffle(lines)  # type: ignore[attr-defined]
    assert client_to_client(lines) == expected


def test_the_first_that_lost_pays_the_first_that_won() -> None:
    """One source may pay several, one destination be paid by several."""
    lines = [Line("a", "BTC", -7), Line("b", "BTC", -5), Line("c", "BTC", 3), Line("d", "BTC", 9)]
    assert client_to_client(lines) == [
        ClientToClient("a", "c", "BTC", 3),
        ClientToClient("a", "d", "BTC", 4),
        ClientToClient("b", "d", "BTC", 5),
    ]


def test_a_request_has_three_levels() -> None:
    """Source, destination, currency; amounts above zero, as text."""
    lines = [Line("a", "BTC", -7), Line("b", "BTC", 7), Line("a", "USD", 20), Line("b", "USD", -20)]
    instruction = SettlementInstruction.from_lines("x-1", lines, None, "n", between_clients=True)
    assert json.loads(instruction.signing_request_bytes())["settlementAmounts"] == {
        "a": {"b": {"BTC": "7"}},
        "b": {"a": {"USD": "20"}},
    }


def test_amounts_that_do_not_net_are_refused_by_currency() -> None:
    """A fee of the platform, or a trade with the house."""
    lines = [Line("a", "USD", -20), Line("b", "USD", 19), Line("a", "BTC", 7), Line("b", "BTC", -7)]
    with pytest.raises(NotNettingError, match="zero: USD -1 base units"):
        require_one_netting_request("demo", [lines], 40)
    with pytest.raises(ValueError, match="USD do not net"):
        client_to_client(lines)


def test_more_clients_than_fit_are_refused_not_split() -> None:
    """Halves would not net to zero."""
    lines = [Line("a", "BTC", -7), Line("b", "BTC", 3), Line("c", "BTC", 4)]
    require_one_netting_request("demo", [lines], 3)
    with pytest.raises(NotNettingError, match="names 3 connections"):
        require_one_netting_request("demo", [lines], 2)
