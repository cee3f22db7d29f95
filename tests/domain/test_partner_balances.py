"""Balances are read whole or not at all: a missing account would look like one without money."""

from __future__ import annotations

import json
from typing import Any

import pytest

from settlement.partner.answers import UnreadableAnswer
from settlement.partner.balances import parse_balances

CONNECTION = "09684b38-49ed-4cf6-a28e-c3a459494c69"


def account(**available: str) -> dict[str, Any]:
    """One account as the partner shows it."""
    return {
        "balances": {name: {"available": text, "held": "0"} for name, text in available.items()}
    }


def answer(**members: object) -> bytes:
    """A page of the balances."""
    return json.dumps({"networkBalances": {CONNECTION: account(BTC="60")}, **members}).encode()


def test_connections_and_the_own_account_are_read() -> None:
    """An id in capitals is the same connection; what the token may not see is not there."""
    shown = answer(networkBalances={CONNECTION.upper(): account(BTC="60", USD="0")})
    accounts, own = parse_balances(shown, None)
    assert [(each.id, each.available) for each in accounts] == [(CONNECTION, {"BTC": 60, "USD": 0})]
    assert own is None
    assert parse_balances(answer(**account(BTC=str(10**30))), None)[1] == {"BTC": 10**30}


def test_full_units_become_base_units_of_the_currencies_that_are_settled() -> None:
    """The partner may hold others, of which the partner file says nothing."""
    shown = answer(networkBalances={CONNECTION: account(BTC="0.6", DOGE="7")})
    ((_, available),) = parse_balances(shown, {"BTC": 8})[0]
    assert available == {"BTC": 60_000_000}


@pytest.mark.parametrize(
    "shown",
    [
        answer(networkBalances=[]),
        answer(networkBalances={"not a uuid": account(BTC="1")}),
        answer(networkBalances={CONNECTION: None}),
        answer(networkBalances={CONNECTION: {"balances": {"BTC": {"available": 60}}}}),
        answer(networkBalances={CONNECTION: account(BTC="0.6")}),
        answer(balances=[]),
        b"{}",
        b"<html>",
    ],
)
def test_anything_else_proves_nothing(shown: bytes) -> None:
    """It is asked again."""
    with pytest.raises(UnreadableAnswer):
        parse_balances(shown, None)
