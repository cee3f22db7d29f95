"""Faults on version 2: they mean what they mean on version 1."""

from __future__ import annotations

import pytest

from partner_sandbox.messages import ConnectionDropped

from .conftest import CUTOFF

WINDOWS = 90 * 60


@pytest.fixture
def body(disputing):
    """A signed request."""
    return disputing.signed(disputing.content(cutoffAt=CUTOFF))


def status_of(answer):
    """HTTP status and the settlement's."""
    return answer[0], answer[1]["settlement"]["status"]


def test_pending_outlasts_the_windows_until_it_is_posted_again(disputing, body):
    """A settlement that is held back runs when the same body comes again, and not before."""
    disputing.fault("pending", route="submit")
    assert status_of(disputing.post_2(body)) == (200, "pending")
    disputing.pass_time(WINDOWS + 60)
    assert disputing.shown()["settlement"]["status"] == "pending"
    assert disputing.booked() == []
    status, answer = disputing.post_2(body)
    assert (status, answer["settlement"]["status"]) == (200, "completed")
    assert answer["settlement"]["finalizedAt"] == "2026-03-02T18:31:00.000Z"


def test_pending_ends_after_look_ups_but_not_before_the_windows(disputing, body):
    """Looked at often enough, a settlement that was held back waits for its windows only."""
    disputing.fault("pending", route="submit", look_ups=2)
    disputing.post_2(body)
    for _ in range(2):
        assert disputing.shown()["settlement"]["status"] == "pending"
    assert disputing.booked() == []
    disputing.pass_time(WINDOWS)
    assert disputing.shown()["settlement"]["finalizedAt"] == "2026-03-02T18:30:00.000Z"


def test_failed_goes_on_when_posted_again(disputing, body):
    """200 with a failed settlement, as if funds were missing; then it waits for its windows."""
    disputing.fault("failed", route="submit")
    status, answer = disputing.post_2(body)
    assert (status, answer["settlement"]["status"]) == (200, "failed")
    assert answer["settlement"]["reason"]
    assert status_of(disputing.post_2(body)) == (200, "pending")
    disputing.pass_time(WINDOWS)
    assert status_of(disputing.post_2(body)) == (200, "completed")
    assert len(disputing.booked()) == 2


def test_rejected_is_final(disputing, body):
    """A rejected settlement never runs, whatever its windows say."""
    disputing.fault("rejected", route="submit")
    first = disputing.post_2(body)
    assert status_of(first) == (200, "rejected")
    disputing.pass_time(WINDOWS)
    assert disputing.post_2(body) == first
    assert disputing.booked() == []
    assert disputing.sandbox.events() == []


def test_fault_on_a_repeat_changes_a_pending_settlement_but_no_completed_one(disputing, body):
    """As on version 1: until it is completed, a repeat may fail it."""
    disputing.post_2(body)
    disputing.fault("failed", route="submit")
    assert status_of(disputing.post_2(body)) == (200, "failed")
    disputing.post_2(body)
    disputing.pass_time(WINDOWS)
    for fault in ("pending", "failed", "rejected"):
        disputing.fault(fault, route="submit")
        assert status_of(disputing.post_2(body)) == (200, "completed")


def test_disputed_transfers_stay_disputed_whatever_a_fault_does(disputing, body):
    """A failed settlement that goes on still leaves the disputed client out."""
    disputing.post_2(body)
    disputing.sandbox.raise_dispute("demo-1", disputing.connections[0], {"BTC": 1})
    disputing.fault("failed", route="submit")
    disputing.post_2(body)
    disputing.post_2(body)
    disputing.pass_time(WINDOWS)
    assert {t["status"] for t in disputing.shown()["settlementTransfers"]} == {"disputed"}
    assert disputing.booked() == []


@pytest.mark.parametrize(("fault", "stored"), [("drop_before", 0), ("drop_after", 1)])
def test_drops_before_and_after_staging(disputing, body, fault, stored):
    """A dropped connection tells nothing; staged is not booked."""
    disputing.fault(fault, route="submit")
    with pytest.raises(ConnectionDropped) as drop:
        disputing.post_2(body)
    assert not drop.value.booked
    assert len(disputing.sandbox.settlements()) == stored
    assert status_of(disputing.post_2(body)) == (200, "pending")
    assert len(disputing.sandbox.settlements()) == 1


def test_drop_does_not_take_what_was_due_for_its_own(disputing, body):
    """An earlier settlement that happens to run before a dropped request is not its booking."""
    disputing.post_2(body)
    later = disputing.signed(disputing.content("demo-2", cutoffAt=CUTOFF))
    disputing.pass_time(WINDOWS)
    disputing.fault("drop_after", route="submit")
    with pytest.raises(ConnectionDropped) as drop:
        disputing.post_2(later)
    assert not drop.value.booked
    assert len(disputing.booked()) == 2


def test_late_request_is_staged_when_it_arrives(disputing, body):
    """The windows of a late request start with its arrival."""
    disputing.fault("late", route="submit", calls=99)
    with pytest.raises(ConnectionDropped):
        disputing.post_2(body)
    disputing.pass_time(60)
    disputing.sandbox.deliver_late()
    assert disputing.shown()["settlement"]["createdAt"] == "2026-03-02T17:01:00.000Z"


def test_lag_hides_a_staged_settlement(disputing, body):
    """Look-ups do not show it yet; it runs in time all the same."""
    disputing.fault("lag", route="submit", look_ups=1)
    disputing.post_2(body)
    assert disputing.get("partners/settlements")[1] == {"settlements": []}
    assert len(disputing.get("partners/settlements")[1]["settlements"]) == 1
    disputing.pass_time(WINDOWS)
    assert len(disputing.booked()) == 2


def test_foreign_settlement_takes_the_external_id(disputing, body):
    """Somebody else is faster: a real 409 to reconcile."""
    disputing.fault("foreign", route="submit")
    assert disputing.post_2(body)[0] == 409
    assert disputing.booked()[0][3] == 101


@pytest.mark.parametrize(
    ("fault", "status"),
    [("conflict", 409), ("forbidden", 403), ("rate_limited", 429), ("error_after", 500)],
)
def test_spoilt_answers(disputing, body, fault, status):
    """Refusals and lost answers are those of version 1; the repeat is answered."""
    disputing.fault(fault, route="submit")
    assert disputing.post_2(body)[0] == status
    assert status_of(disputing.post_2(body)) == (200, "pending")
