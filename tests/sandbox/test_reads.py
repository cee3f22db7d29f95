"""Look-ups: filters, pages and what the objects contain."""

from __future__ import annotations

import pytest

LIST = "partners/settlements"


@pytest.fixture
def week(rehearsal):
    """Five settlements, a day apart; the i-th is about the i-th client."""
    for number in range(5):
        rehearsal.settle(f"demo-{number}", {rehearsal.connections[number]: {"BTC": "1"}})
        rehearsal.pass_time(86_400)
    return rehearsal


def listed(rehearsal, *query):
    """The externalIds of a list, their prefix left out."""
    status, answer = rehearsal.get(LIST, *query)
    assert status == 200, answer
    return "".join(s["externalId"].removeprefix("demo-") for s in answer["settlements"])


def test_array_filters_in_both_spellings(week):
    """Repeated and comma-separated values mean the same, unless switched to one of them."""
    assert listed(week, ("externalIds", "demo-1"), ("externalIds", "demo-3")) == "13"
    assert listed(week, ("externalIds", "demo-1,demo-3")) == "13"
    week.set(array_filters="repeated")
    assert listed(week, ("externalIds", "demo-1,demo-3")) == ""
    week.set(array_filters="comma_separated")
    assert listed(week, ("externalIds", "demo-1"), ("externalIds", "demo-3")) == "3"


def test_time_filters_include_the_lower_bound_and_exclude_the_upper(week):
    """CreatedOnOrAfter and createdBefore cut half-open spans, in any time zone."""
    after, before = "2026-03-03T17:00:00Z", "2026-03-05T12:00:00-05:00"
    assert listed(week, ("createdOnOrAfter", after), ("createdBefore", before)) == "12"
    assert listed(week, ("updatedOnOrAfter", after), ("updatedBefore", before)) == "12"
    assert listed(week, ("createdOnOrAfter", "2026-03-03T17:00:00.000001Z")) == "234"


def test_connection_filters_know_the_side(week):
    """PartyConnectionIds is about destinations, counterpartyConnectionIds about sources."""
    first, second, *_ = week.connections
    week.settle("demo-9", {first: {second: {"ETH": "4"}}})
    assert listed(week, ("partyConnectionIds", second)) == "19"
    assert listed(week, ("counterpartyConnectionIds", first)) == "9"


def test_settlement_and_partner_filters(week):
    """Ids of settlements and partners filter; another partner's id shows nothing."""
    _, answer = week.get(LIST, ("externalIds", "demo-2"))
    settlement = answer["settlements"][0]
    assert listed(week, ("settlementIds", settlement["id"])) == "2"
    assert listed(week, ("partnerIds", settlement["partnerId"])) == "01234"
    assert listed(week, ("partnerIds", settlement["id"])) == ""
    assert listed(week, ("onlyShowDisputed", "true")) == ""
    assert listed(week, ("onlyShowDisputed", "false")) == "01234"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settlementIds", "5"),
        ("createdBefore", "yesterday"),
        ("createdBefore", "2026-03-03T17:00:00"),
        ("onlyShowDisputed", "1"),
        ("pageSize", "0"),
        ("pageSize", "ten"),
        ("pageNumber", "-1"),
        ("externalIds", ""),
    ],
)
def test_malformed_filters_are_refused_by_name(rehearsal, name, value):
    """A filter that cannot be read is a 400 that names it."""
    status, answer = rehearsal.get(LIST, (name, value))
    assert (status, name in answer["error"]) == (400, True)


def test_pages_follow_each_other_without_gap(week):
    """PageSize times pageNumber entries are skipped; the page after the last one is empty."""
    pages = [listed(week, ("pageSize", "2"), ("pageNumber", str(n))) for n in range(4)]
    assert pages == ["01", "23", "4", ""]
    week.set(list_order="descending")
    assert listed(week, ("pageSize", "2")) == "43"


def test_server_caps_the_page_size(week):
    """A larger page is cut down silently, and the cap is what pages are counted in."""
    week.set(default_page_size=2, max_page_size=2)
    pages = [listed(week, ("pageSize", "500"), ("pageNumber", str(n))) for n in range(4)]
    assert pages == ["01", "23", "4", ""]
    assert listed(week) == "01"
    week.set(oversized_page="refuse")
    assert week.get(LIST, ("pageSize", "500"))[0] == 400


def test_one_settlement_shows_its_transfers(rehearsal):
    """The detail has all four keys; transfers name accounts, quantities keep their sign."""
    _, posted = rehearsal.settle()
    status, detail = rehearsal.get(f"{LIST}/{posted['settlement']['id']}")
    assert status == 200
    assert list(detail) == [
        "settlement",
        "settlementTransfers",
        "settlingDisputes",
        "settlementDisputes",
    ]
    assert detail["settlement"] == posted["settlement"]
    client = rehearsal.partner.connections[0]
    for transfer in detail["settlementTransfers"]:
        assert transfer["destinationNetworkAccountId"] == client.account_id
        assert transfer["sourceTradingAccountId"] == rehearsal.partner.trading_account_id
        assert "sourceNetworkAccountId" not in transfer
        assert transfer["status"] == "completed"
        assert len(transfer["txIds"]) == 1
    quantities = {t["currency"]: t["quantity"] for t in detail["settlementTransfers"]}
    assert quantities == {"BTC": "100", "USD": "-7"}


def test_transfers_have_filters_and_pages(rehearsal):
    """Transfers of a large settlement come in pages and by account or currency."""
    amounts = {connection: {"BTC": "1", "ETH": "2"} for connection in rehearsal.connections}
    _, posted = rehearsal.settle(amounts=amounts)
    path = f"{LIST}/{posted['settlement']['id']}"

    def count(*query):
        return len(rehearsal.get(path, *query)[1]["settlementTransfers"])

    account = rehearsal.partner.connections[1].account_id
    assert count() == 12
    assert [count(("pageSize", "5"), ("pageNumber", str(n))) for n in range(4)] == [5, 5, 2, 0]
    assert count(("currencies", "ETH")) == 6
    assert count(("destinationNetworkAccountIds", account)) == 2
    assert count(("destinationNetworkAccountIds", account), ("currencies", "ETH")) == 1
    assert count(("sourceNetworkAccountIds", account)) == 0


def test_unknown_settlement_is_404(rehearsal):
    """An id that nobody has is 404, an id that is none is 400."""
    assert rehearsal.get(f"{LIST}/00000000-0000-4000-8000-000000000000")[0] == 404
    assert rehearsal.get(f"{LIST}/5")[0] == 400


def test_connections_map_accounts_to_connections(rehearsal):
    """Connections carry the account that transfers name; filters and pages apply."""
    idle = rehearsal.partner.connections[1].changed(active=False)
    first, _, *others = rehearsal.partner.connections
    rehearsal.change_partner(connections=(first, idle, *others))
    path = "partners/connections"
    _, answer = rehearsal.get(path)
    assert [c["id"] for c in answer["connections"]] == rehearsal.connections
    assert answer["connections"][0]["networkAccountId"] == first.account_id
    assert [c["id"] for c in rehearsal.get(path, ("active", "false"))[1]["connections"]] == [
        idle.id
    ]
    assert len(rehearsal.get(path, ("active", "true"), ("pageSize", "4"))[1]["connections"]) == 4
    status, one = rehearsal.get(f"{path}/{first.id}")
    assert (status, one["connection"]) == (200, answer["connections"][0])
    assert rehearsal.get(f"{path}/00000000-0000-4000-8000-000000000000")[0] == 404


def test_partner_and_currencies(rehearsal):
    """The enterprise's partner and its currency names are shown; partnerIds is required."""
    _, answer = rehearsal.get("partners")
    partner = answer["partners"][0]
    assert (partner["name"], partner["active"]) == ("demo", True)
    assert rehearsal.get("partners", ("names", "other"))[1] == {"partners": []}
    assert rehearsal.get("supportedCurrencies")[0] == 400
    _, answer = rehearsal.get("supportedCurrencies", ("partnerIds", partner["id"]))
    names = [entry["partnerNames"][0] for entry in answer["supportedCurrencies"][partner["id"]]]
    assert names == ["BTC", "ETH", "USDC", "USDT", "SOL", "MATIC", "USD", "EUR"]


def test_others_settlements_are_not_shown(rehearse):
    """Two partners of one sandbox see their own settlements only."""
    rehearsal = rehearse()
    _, posted = rehearsal.settle()
    settlement_id = posted["settlement"]["id"]
    token = rehearsal.partner.tokens[0].model_copy(update={"value": "other-token"})
    other = rehearsal.partner.changed(
        name="other", enterprise_id="other", tokens=(token,), connections=()
    )
    world = rehearsal.sandbox.world
    rehearsal.sandbox.world = world.changed(partners=(*world.partners, other))
    options = {"token": "other-token", "prefix": "/api/network/v1/enterprises/other/"}
    assert rehearsal.get(LIST, **options) == (200, {"settlements": []})
    assert rehearsal.get(f"{LIST}/{settlement_id}", **options)[0] == 404
