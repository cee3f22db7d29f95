"""Signatures are checked as the published library checks them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from partner_sandbox import bip32, signature

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "signing-vectors.json").read_text("utf-8")
)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["id"])
def test_published_signatures_verify(vector):
    """Every real signature verifies against its public key, over the digest it names."""
    key = bip32.public_key(vector["xpub"])
    assert key.hex() == vector["public_key_hex"]
    assert signature.message_digest(vector["payload"]).hex() == vector["message_hash_hex"]
    assert signature.verifies(vector["payload"], vector["signature_hex"], key)


@pytest.mark.parametrize("case", VECTORS["verify_cases"], ids=lambda case: case["id"])
def test_odd_signatures_are_judged_like_the_library(case):
    """Wrong keys, headers, recovery ids and lengths fail; the high-S twin passes."""
    signed = case["signature_hex"]
    good = signature.is_well_formed(signed) and signature.verifies(
        case["payload"], signed, bip32.public_key(case["xpub"])
    )
    assert good == (case["verify_result"] == "true")


def test_master_key_is_that_of_bip32():
    """The first test vector of BIP-32 gives its published master key."""
    xprv = bip32.master_xprv(bytes.fromhex("000102030405060708090a0b0c0d0e0f"))
    assert xprv == (
        "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU"
        "3TGtRBeJgk33yuGBxrMPHi"
    )


@pytest.mark.parametrize("text", ["xpub0", "xprvnonsense", "tprv8ZgxMBicQKsPd", "1" * 200])
def test_other_keys_are_refused(text):
    """A mistyped key or one of another network is no signing key."""
    with pytest.raises(ValueError, match=r"xprv|base58|checksum|long"):
        bip32.private_key(text)
