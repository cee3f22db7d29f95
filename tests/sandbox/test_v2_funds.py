"""Version 2 and balances: 422 at the start, failed at the end, held in between."""

from __future__ import annotations

import pytest

from .conftest import CUTOFF

WINDOWS = 90 * 60


@pytest.fixture
def poor(rehearse):
    """A partner with disputes; nobody holds anything but what they are given."""
    return rehearse(default_balance=0, client_dispute_window_minutes=60, top_up_window_minutes=30)


def btc(rehearsal, connection=None):
    """What is available and held in BTC, of a connection or the partner itself."""
    _, answer = rehearsal.get("partners/balances")
    account = answer if connection is None else answer["networkBalances"][connection]
    return account["balances"]["BTC"]["available"], account["balances"]["BTC"]["held"]


def test_losses_beyond_the_allocation_are_unprocessable(poor):
    """422 names every connection that cannot pay, and leaves nothing behind."""
    first, second, third, *_ = poor.connections
    poor.sandbox.fund("BTC", 9, first)
    amounts = {first: {"BTC": "-10"}, second: {"ETH": "-1"}, third: {"BTC": "5"}}
    status, answer = poor.stage(amounts=amounts)
    assert status == 422
    assert f"{first} lacks 1 base units of BTC" in answer["error"]
    assert f"{second} lacks 1 base units of ETH" in answer["error"]
    assert third not in answer["error"]
    assert poor.get("partners/settlements")[1] == {"settlements": []}
    poor.sandbox.fund("BTC", 1, first)
    poor.sandbox.fund("ETH", 1, second)
    assert poor.stage(amounts=amounts)[0] == 200


def test_unprocessable_may_leave_a_failed_settlement(poor):
    """Switched so, 422 leaves a failed settlement; after funding the same body goes on."""
    poor.set(unprocessable_is_stored=True)
    first = poor.connections[0]
    amounts = {first: {"BTC": "-10"}}
    assert poor.stage(amounts=amounts)[0] == 422
    assert first in poor.shown()["settlement"]["reason"]
    poor.sandbox.fund("BTC", 10, first)
    status, answer = poor.stage(amounts=amounts)
    assert (status, answer["settlement"]["status"]) == (200, "pending")
    poor.pass_time(WINDOWS)
    assert poor.booked() == [("demo-1", first, "BTC", -10)]


def test_pending_settlement_holds_what_clients_lose(poor):
    """A loss is held until it runs: no other settlement may count on it."""
    first, second, *_ = poor.connections
    poor.sandbox.fund("BTC", 10, first)
    poor.stage("demo-1", {first: {"BTC": "-7"}, second: {"BTC": "7"}})
    assert (btc(poor, first), btc(poor, second)) == (("3", "7"), ("0", "0"))
    assert poor.stage("demo-2", {first: {"BTC": "-4"}})[0] == 422
    assert poor.stage("demo-3", {first: {"BTC": "-3"}})[0] == 200
    assert btc(poor, first) == ("0", "10")
    poor.pass_time(WINDOWS)
    assert (btc(poor, first), btc(poor, second)) == (("0", "0"), ("7", "0"))


def test_partner_may_top_up_until_the_end_of_its_window(poor):
    """The partner's own account is not asked for at the start, only when transfers run."""
    poor.stage(amounts={poor.connections[0]: {"BTC": "100"}})
    poor.pass_time(WINDOWS - 1)
    poor.sandbox.fund("BTC", 100)
    poor.pass_time(1)
    assert poor.shown()["settlement"]["status"] == "completed"
    assert btc(poor, poor.connections[0]) == ("100", "0")


def test_missing_funds_fail_and_a_repeat_after_funding_completes(poor):
    """One transfer that cannot run fails all of them; the same body again retries."""
    first, second, *_ = poor.connections
    poor.sandbox.fund("BTC", 50, first)
    amounts = {first: {"BTC": "-50"}, second: {"BTC": "80"}}
    body = poor.signed(poor.content(amounts=amounts, cutoffAt=CUTOFF))
    poor.post_2(body)
    poor.pass_time(WINDOWS)
    detail = poor.shown()
    assert detail["settlement"]["status"] == "failed"
    assert "the partner's account lacks 30 base units of BTC" in detail["settlement"]["reason"]
    assert {transfer["status"] for transfer in detail["settlementTransfers"]} == {"failed"}
    assert poor.booked() == []

    status, answer = poor.post_2(body)
    assert (status, answer["settlement"]["status"]) == (200, "failed")
    poor.sandbox.fund("BTC", 30)
    assert poor.shown()["settlement"]["status"] == "failed"
    poor.pass_time(60)
    status, answer = poor.post_2(body)
    assert (status, answer["settlement"]["status"]) == (200, "completed")
    assert answer["settlement"]["finalizedAt"] == "2026-03-02T18:31:00.000Z"
    assert btc(poor, second) == ("80", "0")


def test_funds_that_come_too_late_do_not_count(poor):
    """What was due before the money came has failed, though nobody had asked until then."""
    poor.stage(amounts={poor.connections[0]: {"BTC": "100"}})
    poor.pass_time(WINDOWS)
    poor.sandbox.fund("BTC", 100)
    assert poor.shown()["settlement"]["status"] == "failed"


def test_partner_without_windows_fails_at_once(rehearse):
    """Without time to top up, 200 shows a failed settlement; funded, the repeat completes it."""
    poor = rehearse(default_balance=0)
    status, answer = poor.stage(amounts={poor.connections[0]: {"BTC": "100"}})
    assert (status, answer["settlement"]["status"]) == (200, "failed")
    poor.sandbox.fund("BTC", 100)
    status, answer = poor.stage(amounts={poor.connections[0]: {"BTC": "100"}})
    assert (status, answer["settlement"]["status"]) == (200, "completed")


def test_client_that_withdrew_is_named(poor):
    """A connection that can no longer pay when transfers run is named in the reason."""
    first = poor.connections[0]
    poor.sandbox.fund("BTC", 10, first)
    poor.stage(amounts={first: {"BTC": "-10"}})
    poor.sandbox.fund("BTC", -4, first)
    assert btc(poor, first) == ("0", "6")
    poor.pass_time(WINDOWS)
    reason = poor.shown()["settlement"]["reason"]
    assert f"connection {first} lacks 4 base units of BTC" in reason


def test_settlements_run_in_the_order_in_which_they_were_due(poor):
    """After a quiet day, what an earlier settlement has brought in pays for a later one."""
    first, second, *_ = poor.connections
    poor.sandbox.fund("BTC", 10, second)
    poor.stage("demo-2", {second: {"BTC": "-10"}})
    poor.pass_time(60)
    poor.stage("demo-1", {first: {"BTC": "10"}})
    poor.pass_time(86_400)
    assert [(each[0], each[3]) for each in poor.booked()] == [("demo-2", -10), ("demo-1", 10)]
