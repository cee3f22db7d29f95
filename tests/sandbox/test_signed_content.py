"""A settlement is booked only for what was signed, by whom it has to be signed."""

from __future__ import annotations

import json

import pytest

from partner_sandbox import bip32


def signed_text(rehearsal, sign_payload, payload, **changes):
    """Post the default content with a payload text of one's own."""
    body = {**rehearsal.content(), "payload": payload, "signature": sign_payload(payload)}
    return rehearsal.post({**body, **changes})


def test_client_built_payload_is_compared_by_content(rehearsal, sign_payload):
    """Another order and spacing of the same content is accepted by default."""
    payload = json.dumps(rehearsal.content(), sort_keys=True, indent=2)
    assert signed_text(rehearsal, sign_payload, payload)[0] == 200


def test_strict_mode_takes_only_issued_texts(rehearsal, sign_payload):
    """Switched to strict, the same text passes only after the signing route has issued it."""
    rehearsal.set(only_issued_payloads=True)
    payload = json.dumps(rehearsal.content(), separators=(",", ":"))
    status, answer = signed_text(rehearsal, sign_payload, payload)
    assert (status, "not issued" in answer["error"]) == (400, True)
    assert rehearsal.settle()[0] == 200


@pytest.mark.parametrize(
    "change",
    [
        {"externalId": "demo-2"},
        {"nonce": "other"},
        {"notes": "added"},
        {"cutoffAt": "2026-03-02T17:00:00Z"},
        {"enterpriseId": "demo-enterprise"},
        {"settlementAmounts": None},
        {"settlementAmounts": "more"},
    ],
)
def test_payload_that_says_something_else_is_refused(rehearsal, sign_payload, change):
    """A good signature over another content than the body's books nothing."""
    content = {**rehearsal.content(), **change}
    if change.get("settlementAmounts") == "more":
        content["settlementAmounts"] = {rehearsal.connections[0]: {"BTC": "101", "USD": "-7"}}
    status, answer = signed_text(rehearsal, sign_payload, json.dumps(content))
    assert status == 400
    assert "payload" in answer["error"]
    assert rehearsal.booked() == []


def test_payload_that_is_no_json_is_refused(rehearsal, sign_payload):
    """A signed text that is no JSON object is a 400."""
    status, answer = signed_text(rehearsal, sign_payload, "pay up")
    assert (status, answer["error"][:7]) == (400, "payload")


@pytest.mark.parametrize("signature", ["00", "zz" * 65, "0" * 131, "0x" + "0" * 128])
def test_malformed_signature_is_400(rehearsal, signature):
    """What is not 130 hex characters is malformed; the status is a switch."""
    body = {**rehearsal.signed(rehearsal.content()), "signature": signature}
    assert rehearsal.post(body)[0] == 400
    rehearsal.set(malformed_signature_status=401)
    assert rehearsal.post(body)[0] == 401
    assert rehearsal.booked() == []


def test_signature_of_another_key_is_401(rehearsal):
    """A well-formed signature by somebody else does not verify; the status is a switch."""
    other = bip32.master_xprv(b"somebody else's seed")
    body = rehearsal.signed(rehearsal.content())
    signed = bip32.private_key(other).sign_recoverable(b"\x01" * 32, hasher=None)
    body["signature"] = (bytes([31 + signed[64]]) + signed[:64]).hex()
    assert rehearsal.post(body) == (401, {"error": "signature check failed"})
    rehearsal.set(bad_signature_status=400)
    assert rehearsal.post(body)[0] == 400
    assert rehearsal.booked() == []
