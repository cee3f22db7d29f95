"""Closed disputes: what clients receive after all runs with the next settlement."""

from __future__ import annotations

import pytest

HOUR = 3600
WINDOWS = 90 * 60


@pytest.fixture
def closed(disputing):
    """Demo-1 has run without its first client, who gets 120 BTC and pays 3 USD after all."""
    first, second, *_ = disputing.connections
    disputing.stage(amounts={first: {"BTC": "100"}, second: {"BTC": "-7"}})
    raised = disputing.sandbox.raise_dispute("demo-1", first, {"BTC": 120, "USD": -3})
    disputing.pass_time(WINDOWS)
    disputing.closed = disputing.sandbox.close_dispute(raised.id, {"BTC": 120, "USD": -3}, "admin")
    return disputing


def stage_next(rehearsal, external_id="demo-2", **fields):
    """Stage a settlement that asks for 1 ETH for the second client."""
    return rehearsal.stage(external_id, {rehearsal.connections[1]: {"ETH": "1"}}, **fields)


def transfers(rehearsal, external_id):
    """Quantity, currency, status and closure of each transfer, in order."""
    return [
        (int(t["quantity"]), t["currency"], t["status"], t.get("disputeClosureId"))
        for t in rehearsal.shown(external_id)["settlementTransfers"]
    ]


def test_adjustments_wait_for_the_next_settlement(closed):
    """Closing moves nothing yet: the dispute shows what waits, and under no settlement."""
    assert len(closed.booked()) == 1
    (shown,) = closed.shown()["settlementDisputes"]
    assert "settledInSettlementId" not in shown
    assert shown["disputeClosure"]["adjustedTransfers"] == {"BTC": "120", "USD": "-3"}
    waiting = shown["disputeClosure"]["adjustedSettlementTransfers"]
    assert [(t["quantity"], t["status"]) for t in waiting] == [
        ("120", "pending_settlement_assignment"), ("-3", "pending_settlement_assignment"),
    ]  # fmt: skip
    assert all("settlementId" not in t and "txIds" not in t for t in waiting)


def test_next_settlement_takes_them(closed):
    """They belong to it from then on, beside the request's own transfers, and run with it."""
    closure, first = closed.closed.closure_id, closed.connections[0]
    _, answer = stage_next(closed)
    (settling,) = answer["settlement"]["settlingDisputes"]
    assert settling["settledInSettlementId"] == answer["settlement"]["id"]
    assert settling["disputeClosureId"] == settling["disputeClosure"]["id"] == closure
    assert closed.shown("demo-2")["settlingDisputes"] == [settling]
    assert transfers(closed, "demo-2") == [
        (1, "ETH", "pending", None),
        (120, "BTC", "pending", closure),
        (-3, "USD", "pending", closure),
    ]
    closed.pass_time(WINDOWS)
    assert {status for _, _, status, _ in transfers(closed, "demo-2")} == {"completed"}
    assert [(b.external_id, b.currency, b.amount, b.kind) for b in closed.sandbox.bookings(1)] == [
        ("demo-2", "ETH", 1, "own"),
        ("demo-2", "BTC", 120, "adjustment"),
        ("demo-2", "USD", -3, "adjustment"),
    ]
    assert closed.sandbox.booked_positions()[first, "BTC"] == 120


def test_they_run_once(closed):
    """Repeats of the request and later settlements do not take them again."""
    _, first = stage_next(closed)
    assert stage_next(closed) == (200, first)
    _, later = stage_next(closed, "demo-3")
    assert later["settlement"]["settlingDisputes"] == []
    closed.pass_time(WINDOWS)
    assert closed.sandbox.booked_positions()[closed.connections[0], "BTC"] == 120


def test_closed_after_the_request_waits_for_another(closed):
    """What a repeat settles is what was closed when the request first came."""
    _, before = stage_next(closed)
    second = closed.connections[1]
    raised = closed.sandbox.raise_dispute("demo-2", second, {"ETH": 2})
    closed.sandbox.close_dispute(raised.id, {"ETH": 2})
    _, again = stage_next(closed)
    assert again["settlement"]["settlingDisputes"] == before["settlement"]["settlingDisputes"]
    _, later = stage_next(closed, "demo-3")
    assert [d["id"] for d in later["settlement"]["settlingDisputes"]] == [raised.id]


def test_they_run_even_if_the_client_disputes_the_settlement_that_took_them(closed):
    """A new dispute is about the request's own transfers only."""
    first = closed.connections[0]
    closed.stage("demo-2", {first: {"BTC": "1"}})
    closed.sandbox.raise_dispute("demo-2", first, {"BTC": 2})
    closed.pass_time(WINDOWS)
    assert [status for _, _, status, _ in transfers(closed, "demo-2")] == [
        "disputed", "completed", "completed",
    ]  # fmt: skip
    assert closed.sandbox.booked_positions()[first, "BTC"] == 120


def test_final_amounts_count_them(closed):
    """The partner would be told own amounts and adjustments together."""
    first, second, *_ = closed.connections
    closed.stage("demo-2", {first: {"BTC": "-20"}, second: {"ETH": "1"}})
    closed.pass_time(HOUR)
    assert closed.sandbox.events()[-1].amounts == {
        first: {"BTC": 100, "USD": -3},
        second: {"ETH": 1},
    }


def test_losses_count_them(rehearse):
    """An adjustment that a client cannot pay makes the next settlement unprocessable."""
    poor = rehearse(default_balance=0, client_dispute_window_minutes=60)
    first, second, *_ = poor.connections
    poor.stage("demo-1", {first: {"BTC": "100"}, second: {"BTC": "1"}})
    raised = poor.sandbox.raise_dispute("demo-1", first, {"BTC": -5})
    poor.sandbox.close_dispute(raised.id, {"BTC": -5})
    status, answer = poor.stage("demo-2", {second: {"BTC": "3"}})
    assert (status, f"{first} lacks 5 base units of BTC" in answer["error"]) == (422, True)
    (shown,) = poor.shown("demo-1")["settlementDisputes"]
    assert "settledInSettlementId" not in shown
    assert poor.stage("demo-3", {first: {"BTC": "5"}, second: {"BTC": "3"}})[0] == 200


def test_rejected_settlement_gives_them_back(closed):
    """What a rejected settlement had taken runs with the next one."""
    closed.fault("rejected", route="submit")
    stage_next(closed)
    assert closed.shown("demo-2")["settlingDisputes"] == []
    assert transfers(closed, "demo-2") == [(1, "ETH", "rejected", None)]
    _, answer = stage_next(closed, "demo-3")
    assert len(answer["settlement"]["settlingDisputes"]) == 1
    closed.pass_time(WINDOWS)
    assert closed.sandbox.booked_positions()[closed.connections[0], "BTC"] == 120


def test_failed_settlement_keeps_them(closed):
    """Funded and posted again, own transfers and adjustments run together."""
    stage_next(closed)
    own = 10**36 + 7  # what demo-1 has left on the partner's account
    closed.sandbox.fund("BTC", -own)
    closed.pass_time(WINDOWS)
    assert closed.shown("demo-2")["settlement"]["status"] == "failed"
    assert len(closed.booked()) == 1
    closed.sandbox.fund("BTC", own)
    assert stage_next(closed)[1]["settlement"]["status"] == "completed"
    assert closed.sandbox.booked_positions()[closed.connections[0], "BTC"] == 120


def test_dispute_may_be_closed_without_any_adjustment(closed):
    """Nothing to receive is settled by the next settlement as well, without a transfer."""
    closed.stage("demo-2", {closed.connections[1]: {"BTC": "1"}})
    raised = closed.sandbox.raise_dispute("demo-2", closed.connections[1], {"BTC": 2})
    closed.sandbox.close_dispute(raised.id, {})
    _, answer = stage_next(closed, "demo-3")
    assert [d["id"] for d in answer["settlement"]["settlingDisputes"]] == [raised.id]
    assert transfers(closed, "demo-3") == [(1, "ETH", "pending", None)]


def test_adjustment_of_zero_is_refused(disputing):
    """A transfer cannot be zero; the dispute stays open."""
    disputing.stage()
    raised = disputing.sandbox.raise_dispute("demo-1", disputing.connections[0], {"BTC": 1})
    with pytest.raises(ValueError, match="zero BTC"):
        disputing.sandbox.close_dispute(raised.id, {"BTC": 0})
    assert disputing.sandbox.disputes()[0].is_open


@pytest.fixture
def under_review(disputing):
    """Demo-1 has run without its first client; that it gets 120 BTC after all is under review."""
    first, second, *_ = disputing.connections
    disputing.stage(amounts={first: {"BTC": "100"}, second: {"BTC": "-7"}})
    raised = disputing.sandbox.raise_dispute("demo-1", first, {"BTC": 120})
    disputing.pass_time(WINDOWS)
    disputing.closed = disputing.sandbox.close_dispute(raised.id, {"BTC": 120}, reviewed=True)
    return disputing


def closure_shown(rehearsal):
    """Status, adjusted amounts and number of transfers of the one closure."""
    (shown,) = rehearsal.shown()["settlementDisputes"]
    closure = shown["disputeClosure"]
    return (
        closure["status"],
        closure["adjustedTransfers"],
        len(closure["adjustedSettlementTransfers"]),
    )


def test_a_closure_under_review_moves_nothing(under_review):
    """The next settlement does not take it, and meanwhile nobody ends the dispute otherwise."""
    assert closure_shown(under_review) == ("pending_review", {"BTC": "120"}, 0)
    _, answer = stage_next(under_review)
    assert answer["settlement"]["settlingDisputes"] == []
    for ending in (
        lambda each: under_review.sandbox.close_dispute(each, {}),
        under_review.sandbox.retract_dispute,
    ):
        with pytest.raises(ValueError, match="closed already"):
            ending(under_review.closed.id)


def test_an_approved_closure_runs_with_the_next_settlement(under_review):
    """From the approval on it is like any other; it is reviewed once."""
    under_review.sandbox.review_closure(under_review.closed.id, approved=True)
    assert closure_shown(under_review) == ("approved", {"BTC": "120"}, 1)
    stage_next(under_review)
    under_review.pass_time(WINDOWS)
    assert under_review.sandbox.booked_positions()[under_review.connections[0], "BTC"] == 120
    with pytest.raises(ValueError, match="no closure that awaits a review"):
        under_review.sandbox.review_closure(under_review.closed.id, approved=False)


def test_a_rejected_closure_leaves_the_dispute_open(under_review):
    """It is shown as rejected, moves nothing, and the dispute is closed anew."""
    closed = under_review.closed
    under_review.sandbox.review_closure(closed.id, approved=False)
    assert closure_shown(under_review) == ("rejected", {"BTC": "120"}, 0)
    assert under_review.sandbox.disputes()[0].is_open
    assert stage_next(under_review)[1]["settlement"]["settlingDisputes"] == []
    under_review.sandbox.close_dispute(closed.id, {"BTC": 80})
    assert closure_shown(under_review) == ("approved", {"BTC": "80"}, 1)


def test_a_settlement_that_waits_for_disputes_waits_for_the_review(disputing):
    """Where disputes keep the whole settlement pending, closing alone does not end them."""
    disputing.set(disputed_settlement="stays_pending")
    first = disputing.connections[0]
    disputing.stage(amounts={first: {"BTC": "100"}, disputing.connections[1]: {"BTC": "-7"}})
    raised = disputing.sandbox.raise_dispute("demo-1", first, {"BTC": 120})
    disputing.pass_time(WINDOWS)
    disputing.sandbox.close_dispute(raised.id, {"BTC": 120}, reviewed=True)
    assert disputing.booked() == []
    disputing.sandbox.review_closure(raised.id, approved=True)
    assert len(disputing.booked()) == 1
