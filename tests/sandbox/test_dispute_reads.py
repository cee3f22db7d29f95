"""Look-ups of disputes: GET partners/settlement/disputes, its filters and its objects."""

from __future__ import annotations

import pytest

DISPUTES = "partners/settlement/disputes"
WINDOWS = 90 * 60


@pytest.fixture
def three(disputing):
    """Three disputes: one closed and settled in demo-2, one retracted, one open about demo-2."""
    first, second, third, *_ = disputing.connections
    sandbox = disputing.sandbox
    disputing.stage("demo-1", {first: {"BTC": "1"}, second: {"BTC": "2"}})
    closed = sandbox.raise_dispute("demo-1", first, {"BTC": 5}, "late trade")
    disputing.pass_time(1)
    retracted = sandbox.raise_dispute("demo-1", second, {"BTC": -5})
    sandbox.retract_dispute(retracted.id)
    sandbox.close_dispute(closed.id, {"BTC": 4})
    disputing.stage("demo-2", {third: {"BTC": "3"}})
    disputing.pass_time(1)
    still_open = sandbox.raise_dispute("demo-2", third, {"ETH": 9})
    disputing.ids = {closed.id: "closed", retracted.id: "retracted", still_open.id: "open"}
    return disputing


def listed(rehearsal, *query):
    """Which of the three a list shows, in its order."""
    status, answer = rehearsal.get(DISPUTES, *query)
    assert status == 200, answer
    return [rehearsal.ids[each["id"]] for each in answer["disputes"]]


def test_retracted_ones_are_hidden_unless_asked_for(three):
    """By default open and closed disputes are shown, oldest first."""
    assert listed(three) == ["closed", "open"]
    assert listed(three, ("showRetracted", "true")) == ["closed", "retracted", "open"]
    assert listed(three, ("closed", "true")) == ["closed"]
    assert listed(three, ("closed", "false")) == ["open"]


def test_filters_narrow_the_list_down(three):
    """By settlement, connection, client, dispute and closure, by id or externalId."""
    ids = {name: dispute for dispute, name in three.ids.items()}
    settlement = {name: three.shown(name)["settlement"]["id"] for name in ("demo-1", "demo-2")}
    closure = three.sandbox.disputes()[0].closure_id
    third = three.partner.connections[2]
    for name, value, expected in [
        ("settlementIds", settlement["demo-1"], ["closed"]),
        ("settlementExternalIds", "demo-2", ["open"]),
        ("settledInSettlementIds", settlement["demo-2"], ["closed"]),
        ("settledInSettlementIds", settlement["demo-1"], []),
        ("settledInSettlementExternalIds", "demo-2", ["closed"]),
        ("connectionIds", third.id, ["open"]),
        ("clientIds", third.owner_id, ["open"]),
        ("partnerIds", three.partner.id, ["closed", "open"]),
        ("partnerIds", third.id, []),
        ("disputeIds", ids["open"], ["open"]),
        ("disputeClosureIds", closure, ["closed"]),
    ]:
        assert listed(three, (name, value)) == expected, name


def test_pages_and_malformed_filters(three):
    """Pages follow each other; a filter that cannot be read is 400."""
    pages = [listed(three, ("pageSize", "1"), ("pageNumber", str(n))) for n in range(3)]
    assert pages == [["closed"], ["open"], []]
    assert three.get(DISPUTES, ("settlementIds", "5"))[0] == 400
    assert three.get(DISPUTES, ("closed", "maybe"))[0] == 400
    three.fault("capped_pages", route="disputes", page_size=1)
    assert listed(three) == ["closed"]


def test_dispute_names_what_the_client_expected(three):
    """An open dispute has the required fields, and no trace of a closure."""
    (dispute,) = three.get(DISPUTES, ("closed", "false"))[1]["disputes"]
    assert set(dispute) == {
        "id", "createdAt", "updatedAt", "connectionId", "disputedSettlementId", "userId",
        "expectedTransfers", "retracted",
    }  # fmt: skip
    assert (dispute["expectedTransfers"], dispute["retracted"]) == ({"ETH": "9"}, False)


def test_closed_dispute_shows_its_closure(three):
    """The closure has the adjustments, approved, and where they are settled."""
    (dispute,) = three.get(DISPUTES, ("closed", "true"))[1]["disputes"]
    closure = dispute["disputeClosure"]
    assert dispute["reason"] == "late trade"
    assert set(closure) == {
        "id", "closedBy", "userId", "notes", "adjustedSettlementTransfers", "createdAt", "status",
        "adjustedTransfers",
    }  # fmt: skip
    assert (closure["status"], closure["closedBy"]) == ("approved", "client")
    (transfer,) = closure["adjustedSettlementTransfers"]
    assert transfer["settlementId"] == dispute["settledInSettlementId"]
    assert transfer["disputeClosureId"] == dispute["disputeClosureId"] == closure["id"]


def test_retracted_dispute_says_so(three):
    """Who retracted it and when is shown; the settlement still lists it."""
    query = ("showRetracted", "true"), ("connectionIds", three.connections[1])
    (dispute,) = three.get(DISPUTES, *query)[1]["disputes"]
    assert dispute["retracted"]
    assert dispute["retractedAt"] == "2026-03-02T17:00:01.000Z"
    assert dispute["retractedBy"] == dispute["userId"]
    assert dispute in three.shown("demo-1")["settlementDisputes"]


def test_only_disputed_settlements_may_be_listed(three):
    """OnlyShowDisputed leaves the undisputed out; false has no effect."""
    three.stage("demo-3")

    def names(flag):
        _, answer = three.get("partners/settlements", ("onlyShowDisputed", flag))
        return [each["externalId"] for each in answer["settlements"]]

    assert names("true") == ["demo-1", "demo-2"]
    assert names("false") == ["demo-1", "demo-2", "demo-3"]


def test_disputes_of_another_partner_are_not_shown(three):
    """A partner sees what its own clients dispute."""
    token = three.partner.tokens[0].model_copy(update={"value": "other-token"})
    other = three.partner.changed(
        name="other", enterprise_id="other", tokens=(token,), connections=()
    )
    world = three.sandbox.world
    three.sandbox.world = world.changed(partners=(*world.partners, other))
    options = {"token": "other-token", "prefix": "/api/network/v1/enterprises/other/"}
    assert three.get(DISPUTES, **options) == (200, {"disputes": []})
