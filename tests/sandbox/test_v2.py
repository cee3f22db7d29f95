"""POST settlements, version 2: staged now, run at the end of its windows."""

from __future__ import annotations

import pytest

from .conftest import CUTOFF

HOUR = 3600
WINDOWS = 90 * 60


def test_settlement_is_staged_and_runs_at_the_end_of_its_windows(disputing):
    """200 with a pending settlement; 60 minutes for disputes and 30 to top up later it runs."""
    status, answer = disputing.stage(notes="first")
    settlement, first = answer["settlement"], disputing.connections[0]
    assert status == 200
    assert set(settlement) == {
        "id", "partnerId", "externalId", "status", "settlementType", "reconciled", "initiatedBy",
        "createdAt", "updatedAt", "lossSLAAlertSent", "gainSLAAlertSent", "notes", "cutoffAt",
        "disputed", "settlingDisputes",
    }  # fmt: skip
    assert (settlement["status"], settlement["cutoffAt"]) == ("pending", CUTOFF)
    assert (settlement["disputed"], settlement["settlingDisputes"]) == (False, [])
    disputing.pass_time(WINDOWS - 0.001)
    assert disputing.shown()["settlement"]["status"] == "pending"
    assert disputing.booked() == []
    disputing.pass_time(0.001)
    assert disputing.shown()["settlement"]["status"] == "completed"
    assert disputing.booked() == [("demo-1", first, "BTC", 100), ("demo-1", first, "USD", -7)]


def test_settlement_bears_the_instant_at_which_it_was_due(disputing):
    """A day without requests changes nothing about when a settlement was finalised."""
    disputing.stage()
    disputing.pass_time(86_400)
    completed = disputing.shown()["settlement"]
    assert completed["finalizedAt"] == completed["updatedAt"] == "2026-03-02T18:30:00.000Z"
    assert [booking.at.hour for booking in disputing.sandbox.bookings()] == [18, 18]


def test_books_know_what_is_due_without_a_request(disputing):
    """Whoever rehearses looks at the books as they are by the clock."""
    disputing.stage()
    disputing.pass_time(WINDOWS)
    assert disputing.sandbox.booked_positions() != {}
    assert [s.status for s in disputing.sandbox.settlements()] == ["completed"]


def test_partner_would_be_told_the_final_amounts_when_the_dispute_window_ends(disputing):
    """The event log names each connection's amounts, an hour after the settlement."""
    first, second, *_ = disputing.connections
    disputing.stage(amounts={first: {"BTC": "5", "USD": "-7"}, second: {"BTC": "-5"}})
    disputing.pass_time(HOUR - 0.001)
    assert disputing.sandbox.events() == []
    disputing.pass_time(HOUR)
    (event,) = disputing.sandbox.events()
    assert (event.kind, event.external_id, event.at.isoformat()) == (
        "finalize", "demo-1", "2026-03-02T18:00:00+00:00",
    )  # fmt: skip
    assert event.amounts == {first: {"BTC": 5, "USD": -7}, second: {"BTC": -5}}


def test_repeat_shows_how_far_the_settlement_got(disputing):
    """The same body is 200 at every stage, with one settlement and one booking of its amounts."""
    body = disputing.signed(disputing.content(cutoffAt=CUTOFF))
    first = disputing.post_2(body)
    disputing.pass_time(HOUR)
    assert disputing.post_2(body) == first
    disputing.pass_time(HOUR)
    status, answer = disputing.post_2(body)
    assert (status, answer["settlement"]["status"]) == (200, "completed")
    assert "settlingDisputes" not in answer["settlement"]
    assert len(disputing.booked()) == 2
    assert disputing.post_2(body) == (status, answer)


def test_cutoff_is_required(disputing):
    """Without cutoffAt, or with one that is no date-time with a zone, it is 400."""
    status, answer = disputing.post_2(disputing.signed(disputing.content()))
    assert (status, "cutoffAt is required" in answer["error"]) == (400, True)
    body = {**disputing.signed(disputing.content(cutoffAt=CUTOFF)), "cutoffAt": "yesterday"}
    assert disputing.post_2(body)[0] == 400


def test_cutoff_is_signed(disputing):
    """A cutoffAt that the payload does not have is refused."""
    body = disputing.signed(disputing.content())
    status, answer = disputing.post_2({**body, "cutoffAt": CUTOFF})
    assert (status, answer["error"]) == (400, "payload differs from the request data")


def test_signature_is_checked(disputing, sign_payload):
    """A signature over something else is 401, as with version 1."""
    body = disputing.signed(disputing.content(cutoffAt=CUTOFF))
    assert disputing.post_2({**body, "signature": sign_payload("else")})[0] == 401
    assert disputing.post_2({**body, "signature": "20"})[0] == 400


@pytest.mark.parametrize(
    "change", [{"cutoffAt": "2026-03-02T16:59:59.501Z"}, {"notes": "other"}, {"amounts": "101"}]
)
def test_other_properties_conflict(disputing, change):
    """Amounts, notes and cutoffAt are compared."""
    disputing.set(signing_answers_conflict=False)
    disputing.stage()
    if "amounts" in change:
        change = {"amounts": {disputing.connections[0]: {"BTC": change["amounts"]}}}
    assert disputing.stage(**change)[0] == 409


def test_cutoff_in_another_time_zone_is_the_same_cutoff(disputing):
    """Instants are compared, not texts."""
    _, first = disputing.stage()
    disputing.set(signing_answers_conflict=False)
    assert disputing.stage(cutoffAt="2026-03-02T11:59:59.5-05:00") == (200, first)


@pytest.mark.parametrize(("changes", "word"), [({"licensed": False}, "licence"),
                                               ({"active": False}, "inactive")])  # fmt: skip
def test_partner_set_up_may_forbid_posting(disputing, changes, word):
    """No licence and an inactive partner are 403."""
    body = disputing.signed(disputing.content(cutoffAt=CUTOFF))
    disputing.change_partner(**changes)
    status, answer = disputing.post_2(body)
    assert (status, word in answer["error"]) == (403, True)


def test_versions_share_their_external_ids(rehearsal):
    """What one version has posted is a conflict for the other, even with equal properties."""
    one = rehearsal.signed(rehearsal.content("demo-1", cutoffAt=CUTOFF))
    two = rehearsal.signed(rehearsal.content("demo-2", cutoffAt=CUTOFF))
    assert (rehearsal.post(one)[0], rehearsal.post_2(two)[0]) == (200, 200)
    assert (rehearsal.post_2(one)[0], rehearsal.post(two)[0]) == (409, 409)
    assert len(rehearsal.booked()) == 4


@pytest.mark.parametrize(
    ("answers", "status"), [("completed", "completed"), ("pending", "pending")]
)
def test_partner_without_disputes_is_settled_at_once(rehearsal, answers, status):
    """Without windows the money moves at once; how the answer shows it is a switch."""
    rehearsal.set(zero_window_answer=answers)
    posted = rehearsal.stage()
    assert (posted[0], posted[1]["settlement"]["status"]) == (200, status)
    assert len(rehearsal.booked()) == 2
    completed = rehearsal.shown()["settlement"]
    assert completed["finalizedAt"] == completed["createdAt"]


def test_dispute_window_of_zero_settles_at_once(rehearse):
    """A partner may have disputes set up with no time for them."""
    rehearsal = rehearse(client_dispute_window_minutes=0)
    assert rehearsal.stage()[1]["settlement"]["status"] == "completed"
    assert rehearsal.settle("demo-2")[0] == 403


def test_windows_of_a_settlement_are_those_of_its_day(disputing):
    """A partner's new windows leave the settlements of before alone."""
    disputing.stage()
    disputing.change_partner(client_dispute_window_minutes=600)
    disputing.pass_time(WINDOWS)
    assert disputing.shown()["settlement"]["status"] == "completed"


def test_inactive_connection_permits_nothing_new(disputing):
    """A repeat of what is pending is answered; what failed is not tried again."""
    disputing.stage("demo-1")
    disputing.fault("failed", route="submit")
    disputing.stage("demo-2")
    idle = disputing.partner.connections[0].changed(active=False)
    bodies = {}
    for name in ("demo-1", "demo-2", "demo-3"):
        bodies[name] = disputing.signed(disputing.content(name, cutoffAt=CUTOFF))
    disputing.change_partner(connections=(idle, *disputing.partner.connections[1:]))
    assert [disputing.post_2(body)[0] for body in bodies.values()] == [200, 400, 400]


def test_partner_shows_its_windows(disputing):
    """GET partners names both windows in minutes."""
    (partner,) = disputing.get("partners")[1]["partners"]
    assert (partner["clientDisputeWindowMinutes"], partner["topUpWindowMinutes"]) == (60, 30)
