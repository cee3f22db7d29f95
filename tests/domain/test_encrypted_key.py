"""Keys encrypted by BitGo's tools open with their passphrase, and only so."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest

from settlement.errors import SigningKeyError
from settlement.signing.encrypted_key import decrypt_xprv
from settlement.signing.signer import LocalSigner

FILE = json.loads(
    (Path(__file__).parents[1] / "vectors" / "encrypted-keys.json").read_text(encoding="utf-8")
)
ENVELOPES = {envelope["id"]: envelope for envelope in FILE["envelopes"]}
PASSPHRASE = ENVELOPES["v1"]["passphrase"]


def changed(vector: str, **fields) -> str:
    """Envelope with other fields; None removes one."""
    envelope = {**json.loads(ENVELOPES[vector]["encrypted_xprv"]), **fields}
    return json.dumps({name: value for name, value in envelope.items() if value is not None})


def refused(envelope: str, passphrase: str = PASSPHRASE) -> str:
    """Text of the refusal, which holds neither passphrase nor any part of the envelope."""
    with pytest.raises(SigningKeyError) as caught:
        decrypt_xprv(envelope, passphrase)
    shown = "".join(traceback.format_exception(caught.value, chain=True))
    for secret in (passphrase, FILE["xprv"], json.loads(ENVELOPES["v1"]["encrypted_xprv"])["ct"]):
        assert secret not in shown
    return str(caught.value)


def test_both_versions_are_covered():
    """Plain and foreign-script passphrases for each, and the two rare forms of version 2."""
    assert list(ENVELOPES) == ["v1", "v1-unicode", "v2", "v2-unicode", "v2-session", "v2-adata"]


@pytest.mark.parametrize("vector", ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_opens_with_its_passphrase(vector):
    """What comes out is the key that went in, and it signs."""
    xprv = decrypt_xprv(vector["encrypted_xprv"], vector["passphrase"])
    assert xprv == FILE["xprv"]
    assert LocalSigner.from_xprv(xprv).sign("x")


@pytest.mark.parametrize("vector", ["v1", "v2", "v2-session"])
def test_another_passphrase_does_not_open_it(vector):
    """One wrong character is enough, and is not repeated in the error."""
    envelope = ENVELOPES[vector]["encrypted_xprv"]
    assert "the passphrase does not open it" in refused(envelope, PASSPHRASE + "r")


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ("", "not one JSON text"),
        ("xprv9s21", "not one JSON text"),
        (ENVELOPES["v1"]["encrypted_xprv"][:-5], "not one JSON text"),
        (json.dumps(ENVELOPES["v1"]["encrypted_xprv"]), "look at: v"),
        ("[]", "look at: v"),
        (changed("v1", v=3), "look at: v"),
        (changed("v1", iter=10**9), "look at: iter"),
        (changed("v1", mode="ocb2", ks=128), "look at: ks, mode"),
        (changed("v1", iv="AAAA"), "look at: iv"),
        (changed("v1", ct="***"), "look at: ct"),
        (changed("v1", salt=None), "look at: salt"),
        (changed("v2", m=2**30), "look at: m"),
        (changed("v2", m=1), "look at: m"),
        (changed("v2", t=17, p=17), "look at: p, t"),
        (changed("v2", m=None), "look at: m"),
        (changed("v2", ct="AAAA"), "look at: ct"),
        (changed("v2-adata", adata="bound to that"), "does not open it"),
        (changed("v2-session", hkdfSalt=None), "does not open it"),
    ],
)
def test_a_malformed_envelope_names_its_field(envelope, expected):
    """A cut, a wrong version, or numbers that would exhaust the machine: refused by name."""
    assert expected in refused(envelope)
