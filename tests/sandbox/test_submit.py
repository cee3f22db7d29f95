"""POST settlements: what is booked, what is refused, and what a repeat does."""

from __future__ import annotations

import json

import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_settlement_completes_and_is_booked(rehearsal):
    """A signed request moves exactly its amounts and shows a completed settlement."""
    status, answer = rehearsal.settle(notes="first")
    first = rehearsal.connections[0]
    assert status == 200
    assert rehearsal.booked() == [("demo-1", first, "BTC", 100), ("demo-1", first, "USD", -7)]
    assert rehearsal.sandbox.bookings(after=1) == rehearsal.sandbox.bookings()[1:]
    settlement = answer["settlement"]
    assert set(settlement) == {
        "id", "partnerId", "externalId", "status", "settlementType", "reconciled", "initiatedBy",
        "createdAt", "updatedAt", "finalizedAt", "lossSLAAlertSent", "gainSLAAlertSent", "notes",
    }  # fmt: skip
    assert settlement["status"] == "completed"
    assert settlement["createdAt"] == "2026-03-02T17:00:00.000Z"


def test_repeat_answers_with_the_same_settlement(rehearsal):
    """The same body again is 200 with the same id, and nothing moves twice."""
    body = rehearsal.signed(rehearsal.content())
    first, again = rehearsal.post(body), rehearsal.post(body)
    assert first == again
    assert len(rehearsal.booked()) == 2


def test_same_story_has_the_same_ids(rehearse):
    """Two sandboxes that live through the same day answer alike, byte for byte."""
    assert rehearse().settle() == rehearse().settle()


@pytest.mark.parametrize(
    "change",
    [
        {"amounts": {"BTC": "101", "USD": "-7"}},
        {"amounts": {"BTC": "100"}},
        {"notes": "other"},
        {"cutoffAt": "2026-03-02T17:00:00Z"},
    ],
)
def test_other_properties_under_a_used_external_id_conflict(rehearsal, change):
    """Amounts, notes and cutoffAt are compared; a difference is 409 and books nothing."""
    rehearsal.settle()
    change = dict(change)
    if "amounts" in change:
        change["amounts"] = {rehearsal.connections[0]: change["amounts"]}
    rehearsal.set(signing_answers_conflict=False)
    status, answer = rehearsal.settle(**change)
    assert (status, list(answer)) == (409, ["error"])
    assert len(rehearsal.booked()) == 2


@pytest.mark.parametrize(("compared", "expected"), [(False, 200), (True, 409)])
def test_changed_nonce_both_ways(rehearsal, compared, expected):
    """Whether a new nonce is a different property is a switch."""
    rehearsal.set(nonce_is_compared=compared, signing_answers_conflict=False)
    rehearsal.settle()
    assert rehearsal.settle(nonce="another")[0] == expected


@pytest.mark.parametrize(("reuse", "expected"), [("accept", 200), ("refuse", 400)])
def test_nonce_of_another_external_id_both_ways(rehearsal, reuse, expected):
    """Whether a nonce may be used under two externalIds is a switch."""
    rehearsal.set(nonce_reuse=reuse)
    body = rehearsal.signed(rehearsal.content("demo-1", nonce="n"))
    assert rehearsal.post(body)[0] == 200
    assert rehearsal.settle("demo-2", nonce="n")[0] == expected
    assert rehearsal.post(body)[0] == 200


def test_connection_to_connection_moves_between_clients(rehearsal):
    """Three levels: positive goes from the outer to the inner connection, negative back."""
    first, second, third, *_ = rehearsal.connections
    amounts = {first: {second: {"BTC": "5"}, third: {"BTC": "-2"}}}
    assert rehearsal.settle(amounts=amounts)[0] == 200
    assert rehearsal.sandbox.booked_positions() == {
        (first, "BTC"): -3,
        (second, "BTC"): 5,
        (third, "BTC"): -2,
    }


@pytest.mark.parametrize(
    ("amounts", "word"),
    [
        ({}, "not empty"),
        ("100", "record"),
        ({"C": {}}, "empty"),
        ({"C": "5"}, "empty or missing"),
        ({"C": {"BTC": 5}}, "strings"),
        ({"C": {"BTC": "0"}}, "zero"),
        ({"C": {"BTC": "-0"}}, "integer"),
        ({"C": {"BTC": "+5"}}, "integer"),
        ({"C": {"BTC": "05"}}, "integer"),
        ({"C": {"BTC": "5e3"}}, "integer"),
        ({"C": {"BTC": "5.0"}}, "integer"),
        ({"C": {"BTC": "\u0665"}}, "integer"),  # an Arabic five
        ({"C": {"DOGE": "5"}}, "DOGE"),
        ({UNKNOWN: {"BTC": "5"}}, UNKNOWN),
        ({"C": {"C": {"BTC": "5"}}}, "counterparty"),
        ({"C": {"BTC": "5"}, "D": {"C": {"BTC": "5"}}}, "strings"),
    ],
)
def test_malformed_amounts_are_refused_by_name(rehearsal, sign_payload, amounts, word):
    """Each malformed record of amounts is a 400 that says why, and books nothing."""
    text = json.dumps(amounts).replace('"C"', f'"{rehearsal.connections[0]}"')
    text = text.replace('"D"', f'"{rehearsal.connections[1]}"')
    content = rehearsal.content(amounts=json.loads(text))
    payload = json.dumps(content)
    status, answer = rehearsal.post(
        {**content, "payload": payload, "signature": sign_payload(payload)}
    )
    assert status == 400
    assert word in answer["error"]
    assert rehearsal.booked() == []


def test_zero_amounts_may_be_left_out(rehearsal):
    """Switched to drop, a zero is no transfer and the rest is booked."""
    rehearsal.set(zero_amounts="drop")
    amounts = {rehearsal.connections[0]: {"BTC": "0", "ETH": "3"}}
    assert rehearsal.settle(amounts=amounts)[0] == 200
    assert rehearsal.booked() == [("demo-1", rehearsal.connections[0], "ETH", 3)]


@pytest.mark.parametrize(
    "field", ["externalId", "settlementAmounts", "nonce", "payload", "signature"]
)
@pytest.mark.parametrize("value", [None, "", 5])
def test_required_fields_are_required(rehearsal, field, value):
    """A missing, empty or mistyped field is a 400 that names it."""
    body = {**rehearsal.signed(rehearsal.content()), field: value}
    status, answer = rehearsal.post(body)
    assert status == 400
    assert field in answer["error"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b'"\\ud800"'])
def test_bodies_that_are_no_json_object_are_refused(rehearsal, raw):
    """Nothing but one JSON object without duplicate keys is read."""
    status, answer = rehearsal.call("POST", "partners/settlements", body=raw)
    assert (status, list(answer)) == (400, ["error"])


def test_inactive_connection_is_refused(rehearsal):
    """An inactive connection permits no new settlement; a repeat of an old one is answered."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.post(body)
    idle = rehearsal.partner.connections[0].changed(active=False)
    rehearsal.change_partner(connections=(idle,))
    assert rehearsal.post(body)[0] == 200
    content = rehearsal.content("demo-2")
    status, answer = rehearsal.call("POST", "partners/settlements-signing", body=content)
    assert (status, "inactive" in answer["error"]) == (400, True)


def test_broker_has_to_net_to_zero(rehearse):
    """A broker's form 1 sums to 0 per currency, or is refused."""
    rehearsal = rehearse(broker=True)
    first, second, *_ = rehearsal.connections
    assert rehearsal.settle("demo-1", {first: {"BTC": "5"}, second: {"BTC": "-5"}})[0] == 200
    content = rehearsal.content("demo-2", {first: {"BTC": "5"}, second: {"BTC": "-4"}})
    status, answer = rehearsal.call("POST", "partners/settlements-signing", body=content)
    assert (status, "sum to 0" in answer["error"]) == (400, True)


def test_full_units_are_read_and_shown_exactly(rehearse):
    """A partner of full units sends decimals; base units are booked, decimals are shown."""
    rehearsal = rehearse(unit="full_units")
    first = rehearsal.connections[0]
    amounts = {first: {"BTC": "-0.00000001", "ETH": "1234567890123.000000000000000001"}}
    status, answer = rehearsal.settle(amounts=amounts)
    assert status == 200
    assert rehearsal.booked() == [
        ("demo-1", first, "BTC", -1),
        ("demo-1", first, "ETH", 1234567890123 * 10**18 + 1),
    ]
    _, detail = rehearsal.get(f"partners/settlements/{answer['settlement']['id']}")
    shown = {t["currency"]: t["quantity"] for t in detail["settlementTransfers"]}
    assert shown == amounts[first]
    status, answer = rehearsal.call(
        "POST",
        "partners/settlements-signing",
        body=rehearsal.content("demo-2", {first: {"BTC": "0.000000001"}}),
    )
    assert (status, "decimals" in answer["error"]) == (400, True)


def test_amounts_far_beyond_64_bits_stay_exact(rehearsal):
    """An amount of 10^30 plus one is booked and shown digit for digit."""
    amount = str(10**30 + 1)
    _, answer = rehearsal.settle(amounts={rehearsal.connections[0]: {"ETH": f"-{amount}"}})
    assert rehearsal.booked()[0][3] == -(10**30) - 1
    _, detail = rehearsal.get(f"partners/settlements/{answer['settlement']['id']}")
    assert detail["settlementTransfers"][0]["quantity"] == f"-{amount}"


def test_unknown_fields_both_ways(rehearsal):
    """Unknown fields of a body are ignored, or refused when so switched."""
    body = {**rehearsal.signed(rehearsal.content()), "extra": 1}
    assert rehearsal.post(body)[0] == 200
    rehearsal.set(unknown_fields="refuse")
    assert rehearsal.post(body) == (400, {"error": "unknown field: extra"})


def test_body_over_the_limit_is_too_large(rehearsal):
    """A body over the limit is 413, whatever it says."""
    rehearsal.set(max_body_bytes=100)
    assert rehearsal.post(rehearsal.content())[0] == 413
