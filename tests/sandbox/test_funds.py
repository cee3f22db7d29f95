"""Balances: all transfers of a settlement run, or none."""

from __future__ import annotations

import pytest


@pytest.fixture
def poor(rehearse):
    """A partner and clients that hold nothing but what they are given."""
    return rehearse(default_balance=0)


def balances(rehearsal):
    """Available BTC of the partner's account and of the first two clients."""
    _, answer = rehearsal.get("partners/balances")
    accounts = [answer["balances"]] + [
        answer["networkBalances"][connection]["balances"]
        for connection in rehearsal.connections[:2]
    ]
    return [account["BTC"]["available"] for account in accounts]


def test_missing_partner_funds_fail_and_funding_completes(poor):
    """Without funds 401 with a failed settlement; after funding the same body completes it."""
    body = poor.signed(poor.content(amounts={poor.connections[0]: {"BTC": "100"}}))
    status, answer = poor.post(body)
    failed = answer["settlement"]
    assert (status, failed["status"]) == (401, "failed")
    assert "lacks 100 base units of BTC" in failed["reason"]
    assert "finalizedAt" not in failed
    assert poor.booked() == []

    poor.sandbox.fund("BTC", 100)
    poor.pass_time(60)
    status, answer = poor.post(body)
    completed = answer["settlement"]
    assert (status, completed["status"], completed["id"]) == (200, "completed", failed["id"])
    assert completed["createdAt"] == failed["createdAt"] < completed["updatedAt"]
    assert "reason" not in completed
    assert balances(poor) == ["0", "100", "0"]


def test_missing_allocation_of_one_client_stops_all(poor):
    """One client that cannot pay keeps the whole settlement from moving anything."""
    first, second, *_ = poor.connections
    poor.sandbox.fund("BTC", 50, first)
    poor.sandbox.fund("BTC", 9, second)
    status, answer = poor.settle(amounts={first: {"BTC": "-50"}, second: {"BTC": "-10"}})
    assert (status, answer["settlement"]["status"]) == (401, "failed")
    assert second in answer["settlement"]["reason"]
    assert balances(poor) == ["0", "50", "9"]
    _, detail = poor.get(f"partners/settlements/{answer['settlement']['id']}")
    assert {t["status"] for t in detail["settlementTransfers"]} == {"failed"}
    assert {tuple(t["txIds"]) for t in detail["settlementTransfers"]} == {()}


def test_losses_fund_gains_of_the_same_settlement(poor):
    """What one client loses pays what another wins."""
    first, second, *_ = poor.connections
    poor.sandbox.fund("BTC", 50, first)
    assert poor.settle(amounts={first: {"BTC": "-50"}, second: {"BTC": "50"}})[0] == 200
    assert balances(poor) == ["0", "0", "50"]


def test_status_of_a_failed_settlement_is_a_switch(poor):
    """Failed for lack of funds may come as 500 as well."""
    poor.set(failed_status=500)
    assert poor.settle()[0] == 500


def test_different_body_conflicts_while_failed(poor):
    """A failed settlement still holds its externalId against other properties."""
    poor.set(signing_answers_conflict=False)
    poor.settle(amounts={poor.connections[0]: {"BTC": "100"}})
    assert poor.settle(amounts={poor.connections[0]: {"BTC": "99"}})[0] == 409


def test_withdrawal_cannot_overdraw(poor):
    """Taking away more than there is is refused, and unknown names are named."""
    with pytest.raises(ValueError, match="negative"):
        poor.sandbox.fund("BTC", -1)
    with pytest.raises(LookupError, match="DOGE"):
        poor.sandbox.fund("DOGE", 1)
    with pytest.raises(LookupError, match="nobody"):
        poor.sandbox.fund("BTC", 1, "nobody")


def test_balances_show_full_units_to_a_partner_of_full_units(rehearse):
    """The balances route speaks the partner's unit."""
    rehearsal = rehearse(default_balance=0, unit="full_units")
    rehearsal.sandbox.fund("BTC", 150_000_000)
    assert balances(rehearsal) == ["1.5", "0", "0"]


def test_own_account_may_be_hidden(rehearsal):
    """Whether the partner's own balances are shown is a switch."""
    rehearsal.set(show_partner_balances=False)
    _, answer = rehearsal.get("partners/balances", ("connectionIds", rehearsal.connections[2]))
    assert list(answer) == ["networkBalances"]
    assert list(answer["networkBalances"]) == [rehearsal.connections[2]]
