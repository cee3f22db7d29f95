"""Clients dispute: their transfers do not run, unless they retract in time."""

from __future__ import annotations

import pytest

HOUR = 3600
WINDOWS = 90 * 60


@pytest.fixture
def two_clients(disputing):
    """A pending settlement: the first client wins 100 BTC, the second loses 7."""
    first, second, *_ = disputing.connections
    disputing.stage(amounts={first: {"BTC": "100"}, second: {"BTC": "-7"}})
    return disputing


def statuses(rehearsal):
    """Status of each client's transfers in demo-1, in order of their quantity."""
    transfers = rehearsal.shown()["settlementTransfers"]
    return [each["status"] for each in sorted(transfers, key=lambda t: int(t["quantity"]))]


def dispute(rehearsal, connection=0, expected=120, external_id="demo-1"):
    """A client says that it expected something else."""
    return rehearsal.sandbox.raise_dispute(
        external_id, rehearsal.connections[connection], {"BTC": expected}, "a trade is missing"
    )


def test_disputed_transfers_do_not_run(two_clients):
    """The settlement completes with the other client's transfer; the disputed one stays."""
    raised = dispute(two_clients)
    detail = two_clients.shown()
    assert detail["settlement"]["disputed"]
    assert [each["id"] for each in detail["settlementDisputes"]] == [raised.id]
    assert statuses(two_clients) == ["pending", "disputed"]
    two_clients.pass_time(WINDOWS)
    detail = two_clients.shown()
    assert (detail["settlement"]["status"], detail["settlement"]["disputed"]) == ("completed", True)
    assert statuses(two_clients) == ["completed", "disputed"]
    assert two_clients.booked() == [("demo-1", two_clients.connections[1], "BTC", -7)]


def test_final_amounts_leave_disputed_ones_out(two_clients):
    """What the partner would be told differs from what it posted."""
    dispute(two_clients)
    two_clients.pass_time(HOUR)
    (event,) = two_clients.sandbox.events()
    assert event.amounts == {two_clients.connections[1]: {"BTC": -7}}


def test_settlement_that_everybody_disputes_completes_empty(two_clients):
    """With nothing left to run, nothing is booked."""
    dispute(two_clients, 0)
    dispute(two_clients, 1, -5)
    two_clients.pass_time(WINDOWS)
    assert two_clients.shown()["settlement"]["status"] == "completed"
    assert two_clients.booked() == []


@pytest.mark.parametrize("after", [60, HOUR + 60])
def test_retracted_dispute_lets_transfers_run_as_normal(two_clients, after):
    """Retracted in the dispute window or while topping up, all transfers run when they are due."""
    raised = dispute(two_clients)
    two_clients.pass_time(after)
    two_clients.sandbox.retract_dispute(raised.id)
    assert statuses(two_clients) == ["pending", "pending"]
    assert not two_clients.shown()["settlement"]["disputed"]
    two_clients.pass_time(WINDOWS - after)
    assert len(two_clients.booked()) == 2
    assert two_clients.shown()["settlement"]["finalizedAt"] == "2026-03-02T18:30:00.000Z"


def test_settlement_may_wait_for_its_disputes(two_clients):
    """Switched so, nothing runs while a dispute is open; retracted, all of it runs at once."""
    two_clients.set(disputed_settlement="stays_pending")
    raised = dispute(two_clients)
    two_clients.pass_time(86_400)
    assert two_clients.shown()["settlement"]["status"] == "pending"
    two_clients.sandbox.retract_dispute(raised.id)
    completed = two_clients.shown()["settlement"]
    assert (completed["status"], completed["finalizedAt"]) == (
        "completed", "2026-03-03T17:00:00.000Z",
    )  # fmt: skip
    assert len(two_clients.booked()) == 2


def test_closed_dispute_ends_the_waiting(two_clients):
    """A settlement that waits runs without the disputed transfers once the dispute is closed."""
    two_clients.set(disputed_settlement="stays_pending")
    raised = dispute(two_clients)
    two_clients.pass_time(86_400)
    two_clients.sandbox.close_dispute(raised.id, {"BTC": 120}, "admin")
    assert two_clients.booked() == [("demo-1", two_clients.connections[1], "BTC", -7)]


def test_closing_in_time_does_not_hurry_the_settlement(two_clients):
    """A dispute that is closed within the window leaves the transfers' time as it was."""
    raised = dispute(two_clients)
    two_clients.sandbox.close_dispute(raised.id, {"BTC": 120})
    assert two_clients.booked() == []
    two_clients.pass_time(WINDOWS)
    assert len(two_clients.booked()) == 1


@pytest.mark.parametrize(
    ("late", "connection", "amounts", "word"),
    [
        (HOUR, 0, {"BTC": 1}, "window of settlement demo-1 is over"),
        (0, 2, {"BTC": 1}, "no transfer of connection"),
        (0, 0, {"BTC": 0}, "zero BTC"),
        (0, 0, {"DOGE": 1}, "no currency DOGE"),
    ],
)
def test_dispute_that_cannot_be_is_refused(two_clients, late, connection, amounts, word):
    """Too late, not concerned, zero or unknown: an error says so, and nothing is disputed."""
    two_clients.pass_time(late)
    client = two_clients.connections[connection]
    with pytest.raises((ValueError, LookupError), match=word):
        two_clients.sandbox.raise_dispute("demo-1", client, amounts)
    assert not two_clients.shown()["settlement"]["disputed"]


def test_dispute_is_raised_once_and_ends_once(two_clients):
    """A second dispute of the same client, and a second end, are refused."""
    raised = dispute(two_clients)
    with pytest.raises(ValueError, match="already"):
        dispute(two_clients)
    two_clients.sandbox.retract_dispute(raised.id)
    with pytest.raises(ValueError, match="retracted already"):
        two_clients.sandbox.close_dispute(raised.id, {})
    again = dispute(two_clients)
    assert again.id != raised.id
    two_clients.sandbox.close_dispute(again.id, {})
    with pytest.raises(ValueError, match="closed already"):
        two_clients.sandbox.retract_dispute(again.id)
    with pytest.raises(LookupError, match="no dispute"):
        two_clients.sandbox.retract_dispute("made-up")


def test_dispute_cannot_be_retracted_after_the_others_have_run(two_clients):
    """Once the settlement is completed, only closing helps."""
    raised = dispute(two_clients)
    two_clients.pass_time(WINDOWS)
    with pytest.raises(ValueError, match="completed already"):
        two_clients.sandbox.retract_dispute(raised.id)


def test_settlements_of_version_1_cannot_be_disputed(rehearsal):
    """There is no window to dispute them in."""
    rehearsal.settle()
    with pytest.raises(ValueError, match="version 1"):
        dispute(rehearsal)
    with pytest.raises(LookupError, match="no settlement demo-9"):
        dispute(rehearsal, external_id="demo-9")


def test_between_clients_either_side_stops_the_transfer(rehearse):
    """What one client pays another runs only if neither disputes it."""
    broker = rehearse(broker=True, client_dispute_window_minutes=60)
    first, second, third, *_ = broker.connections
    broker.stage(amounts={first: {second: {"BTC": "5"}, third: {"BTC": "2"}}})
    raised = dispute(broker, 1)
    payer = dispute(broker, 0)
    broker.sandbox.retract_dispute(payer.id)
    assert statuses(broker) == ["pending", "disputed"]
    assert broker.shown()["settlement"]["disputed"]
    broker.pass_time(HOUR)
    assert broker.sandbox.booked_positions() == {(first, "BTC"): -2, (third, "BTC"): 2}
    broker.sandbox.close_dispute(raised.id, {"BTC": 4})
    broker.stage("demo-2", {first: {third: {"ETH": "1"}}})
    broker.pass_time(HOUR)
    assert broker.sandbox.booked_positions()[first, "BTC"] == -6
    assert broker.sandbox.booked_positions()[second, "BTC"] == 4
