"""The signing route gives the text to sign, and only for requests that could be posted."""

from __future__ import annotations

import json

import pytest

ROUTE = "partners/settlements-signing"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_payload_is_the_request_as_text(rehearsal, method):
    """Compact JSON in the documented order, absent fields left out, text untouched."""
    content = rehearsal.content(notes="Ausgleich für März", cutoffAt="2026-03-02T17:00:00Z")
    status, answer = rehearsal.call(method, ROUTE, body=content)
    assert status == 200
    assert list(answer) == ["payload"]
    order = ["externalId", "notes", "settlementAmounts", "nonce", "cutoffAt"]
    assert answer["payload"] == json.dumps(
        {name: content[name] for name in order}, ensure_ascii=False, separators=(",", ":")
    )


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("sorted", ["externalId", "nonce", "settlementAmounts"]),
        ("reversed", ["nonce", "settlementAmounts", "externalId"]),
    ],
)
def test_order_of_fields_is_a_switch(rehearsal, order, names):
    """No client can rely on the order: other orders still settle."""
    rehearsal.set(payload_order=order, payload_spaces=True)
    body = rehearsal.signed(rehearsal.content())
    assert list(json.loads(body["payload"])) == names
    assert '": "' in body["payload"]
    assert rehearsal.post(body)[0] == 200


def test_used_external_id_with_other_properties_is_a_conflict(rehearsal):
    """The signing route answers 409 where the POST would, unless that is switched off."""
    rehearsal.settle()
    other = rehearsal.content(amounts={rehearsal.connections[1]: {"BTC": "1"}})
    assert rehearsal.call("POST", ROUTE, body=other)[0] == 409
    assert rehearsal.call("POST", ROUTE, body=rehearsal.content())[0] == 200
    rehearsal.set(signing_answers_conflict=False)
    assert rehearsal.call("POST", ROUTE, body=other)[0] == 200


def test_malformed_requests_get_no_payload(rehearsal):
    """What POST would refuse for its form is refused here already."""
    status, answer = rehearsal.call("POST", ROUTE, body=rehearsal.content(notes=""))
    assert (status, answer) == (400, {"error": "notes is required: a string of length 1 or more"})
