"""Brokers and partners of full units settle with either version."""

from __future__ import annotations

import json

import pytest

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def settle(rehearsal, version, *arguments):
    """Settle with version 1, or with version 2 and no windows."""
    return (rehearsal.settle if version == 1 else rehearsal.stage)(*arguments)


def refusal(rehearsal, version, amounts, sign_payload):
    """The error of a POST that is refused with 400, its payload written by the partner itself."""
    fields = {} if version == 1 else {"cutoffAt": "2026-03-02T16:00:00Z"}
    content = rehearsal.content("demo-9", amounts, **fields)
    payload = json.dumps(content)
    body = {**content, "payload": payload, "signature": sign_payload(payload)}
    status, answer = (rehearsal.post if version == 1 else rehearsal.post_2)(body)
    assert status == 400
    assert rehearsal.get("partners/settlements")[1] == {"settlements": []}
    return answer["error"]


@VERSIONS
def test_brokers_clients_settle_with_each_other(rehearse, version):
    """Source, destination, currency: several sources with several destinations in one request."""
    broker = rehearse(broker=True)
    first, second, third, *_ = broker.connections
    amounts = {first: {second: {"BTC": "5"}, third: {"BTC": "-2"}}, second: {third: {"ETH": "1"}}}
    assert settle(broker, version, "demo-1", amounts)[0] == 200
    assert broker.sandbox.booked_positions() == {
        (first, "BTC"): -3,
        (second, "BTC"): 5,
        (third, "BTC"): -2,
        (second, "ETH"): -1,
        (third, "ETH"): 1,
    }
    transfers = broker.shown()["settlementTransfers"]
    accounts = {each.account_id: each.id for each in broker.partner.connections}
    assert {
        (
            accounts[each["sourceNetworkAccountId"]],
            accounts[each["destinationNetworkAccountId"]],
            each["quantity"],
        )
        for each in transfers
    } == {(first, second, "5"), (first, third, "-2"), (second, third, "1")}


@VERSIONS
def test_brokers_amounts_between_clients_and_nobody_else(rehearse, version):
    """A broker's account neither pays nor receives: it may be empty."""
    broker = rehearse(broker=True, default_balance=0)
    first, second, *_ = broker.connections
    broker.sandbox.fund("BTC", 5, first)
    assert settle(broker, version, "demo-1", {first: {second: {"BTC": "5"}}})[0] == 200
    broker.sandbox.fund("BTC", 1, first)
    netting = {first: {"BTC": "-1"}, second: {"BTC": "1"}}
    assert settle(broker, version, "demo-2", netting)[0] == 200
    assert broker.sandbox.booked_positions() == {(first, "BTC"): -6, (second, "BTC"): 6}


@VERSIONS
def test_brokers_form_1_nets_to_zero_in_each_currency(rehearse, version, sign_payload):
    """Two currencies whose sums cancel out are no zero."""
    broker = rehearse(broker=True)
    first, second, *_ = broker.connections
    amounts = {first: {"BTC": "5", "ETH": "-1"}, second: {"BTC": "-4", "ETH": "1"}}
    error = refusal(broker, version, amounts, sign_payload)
    assert "BTC amounts must sum to 0, not 1" in error


@VERSIONS
def test_full_units_on_the_wire_are_base_units_in_the_books(rehearse, version, sign_payload):
    """Decimals are read and shown; what is finer than a base unit is refused."""
    full = rehearse(unit="full_units")
    first = full.connections[0]
    amounts = {first: {"BTC": "-0.5", "USD": "1234567.89"}}
    error = refusal(full, version, {first: {"USD": "0.001"}}, sign_payload)
    assert "more than 2 decimals" in error
    assert settle(full, version, "demo-1", amounts)[0] == 200
    assert [each[3] for each in full.booked()] == [-50_000_000, 123_456_789]
    shown = {t["currency"]: t["quantity"] for t in full.shown()["settlementTransfers"]}
    assert shown == amounts[first]


def test_disputes_of_a_partner_of_full_units(rehearse):
    """Transfers and what is held speak the partner's unit; disputes speak base units."""
    full = rehearse(unit="full_units", client_dispute_window_minutes=60)
    first, second, *_ = full.connections
    full.stage("demo-1", {first: {"BTC": "-1.5"}})
    _, balances = full.get("partners/balances", ("connectionIds", first))
    assert balances["networkBalances"][first]["balances"]["BTC"]["held"] == "1.5"
    raised = full.sandbox.raise_dispute("demo-1", first, {"BTC": -100_000_000})
    full.sandbox.close_dispute(raised.id, {"BTC": -125_000_000})
    full.stage("demo-2", {second: {"USD": "1"}})
    (settling,) = full.shown("demo-2")["settlingDisputes"]
    assert settling["expectedTransfers"] == {"BTC": "-100000000"}
    assert settling["disputeClosure"]["adjustedTransfers"] == {"BTC": "-125000000"}
    (transfer,) = settling["disputeClosure"]["adjustedSettlementTransfers"]
    assert transfer["quantity"] == "-1.25"
