"""Signatures equal those of BitGo's own code, and the key never shows."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import SigningKeyError
from settlement.signing.extended_key import private_key_of, public_key_of
from settlement.signing.signer import InvalidSignature, LocalSigner, message_hash, verify

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "signing-vectors.json").read_text(encoding="utf-8")
)
KEYS = VECTORS["keys"]
XPRV, XPUB = KEYS[0]["xprv"], KEYS[0]["xpub"]
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58check(content: bytes) -> str:
    """Text of an extended key with any content, with a right checksum."""
    raw = content + hashlib.sha256(hashlib.sha256(content).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def content_of(text: str) -> bytes:
    """Content of an extended key, without the checksum."""
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    return number.to_bytes(82, "big")[:78]


def test_the_vectors_are_all_there():
    """41 signatures and 14 verifications."""
    assert (len(VECTORS["vectors"]), len(VECTORS["verify_cases"])) == (41, 14)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["id"])
def test_every_vector_is_met_byte_for_byte(vector):
    """Digest, header, signature and public key are those of BitGo's code."""
    signer = LocalSigner.from_xprv(vector["xprv"])
    signature = signer.sign(vector["payload"])
    assert message_hash(vector["payload"]).hex() == vector["message_hash_hex"]
    assert bytes.fromhex(signature)[0] == vector["header_byte"]
    assert signature == vector["signature_hex"]
    assert signer.public_key.hex() == vector["public_key_hex"]
    verify(vector["payload"], signature, vector["xpub"])
    verify(vector["payload"], signature, signer.public_key)


@pytest.mark.parametrize("case", VECTORS["verify_cases"], ids=lambda case: case["id"])
def test_every_verification_ends_like_bitgos(case):
    """True passes; false and a throw are refused, with the words of the throw."""
    arguments = (case["payload"], case["signature_hex"], case["xpub"])
    result = case["verify_result"]
    if result == "true":
        verify(*arguments)
        return
    with pytest.raises(InvalidSignature) as caught:
        verify(*arguments)
    text = str(caught.value)
    assert ("not one of this key" in text) == (result == "false")
    if "Invalid" in result or "recover" in result:
        assert text.startswith(result.removeprefix("throws: "))


@given(st.text(st.characters()), st.sampled_from(KEYS))
def test_what_is_signed_verifies_for_that_key_only(payload, key):
    """Any text, lone surrogates too, with any of the keys."""
    signer = LocalSigner.from_xprv(key["xprv"])
    signature = signer.sign(payload)
    assert len(signature) == 130
    assert signature == signature.lower() == signer.sign(payload)
    verify(payload, signature, key["xpub"])
    other = next(candidate for candidate in KEYS if candidate is not key)
    with pytest.raises(InvalidSignature):
        verify(payload, signature, other["xpub"])
    with pytest.raises(InvalidSignature):
        verify(payload + " ", signature, key["xpub"])


def test_a_lone_surrogate_is_signed_as_the_replacement_character():
    """As JavaScript's UTF-8 encoder does; a pair in two halves is its character."""
    assert message_hash("a\ud83db") == message_hash("a\ufffdb")
    assert message_hash("\ud83d\ud83d") == message_hash("\ufffd\ufffd")
    assert message_hash("\ud83e\ude99") == message_hash("\U0001fa99")


@pytest.mark.parametrize(
    "signature", ["", "zz" * 65, "20" * 64 + " 0", "2" * 129, "\u0662\u0660" * 65]
)
def test_what_is_no_hex_is_refused(signature):
    """Spaces, odd lengths and foreign digits end in the same error."""
    with pytest.raises(InvalidSignature):
        verify("x", signature, XPUB)


@given(st.binary(min_size=65, max_size=65))
def test_no_bytes_crash_the_verifier(signature):
    """Random signatures are invalid, never an accident."""
    with pytest.raises(InvalidSignature):
        verify("x", signature.hex(), XPUB)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key["id"])
def test_both_halves_of_a_key_agree(key):
    """The xpub holds the public key of the xprv; the id comes from it."""
    signer = LocalSigner.from_xprv(key["xprv"])
    assert public_key_of(key["xpub"]) == signer.public_key
    assert signer.key_id == hashlib.sha256(signer.public_key).hexdigest()[:16]


def _with(start: int, new: bytes) -> str:
    content = bytearray(content_of(XPRV))
    content[start : start + len(new)] = new
    return base58check(bytes(content))


ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BAD_KEYS = {
    "testnet": (_with(0, bytes.fromhex("04358394")), "invalid network version"),
    "segwit version": (_with(0, bytes.fromhex("04b2430c")), "invalid network version"),
    "public": (XPUB, "must provide a private key"),
    "changed character": (XPRV[:50] + ("a" if XPRV[50] != "a" else "b") + XPRV[51:], "checksum"),
    "two swapped": (XPRV[:-2] + XPRV[-1] + XPRV[-2], "checksum is wrong"),
    "short": (XPRV[:-1], "wrong length"),
    "long": (XPRV + "1", "wrong length"),
    "very long": (XPRV * 10_000, "longer than an extended key"),
    "empty": ("", "wrong length"),
    "line break": (XPRV + "\n", "a character that base58 does not know"),
    "lookalike": (XPRV.replace("Q", "O", 1), "a character that base58 does not know"),
    "key without its zero": (_with(45, b"\x01"), "malformed"),
    "key zero": (_with(46, bytes(32)), "outside the range"),
    "key of the order": (_with(46, ORDER.to_bytes(32, "big")), "outside the range"),
    "root with a parent": (_with(5, b"\x01"), "root key, but names a parent"),
    "leading one": ("1" + XPRV, "wrong length"),
}


@pytest.mark.parametrize(("text", "why"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_bad_key_is_refused_without_being_shown(text, why):
    """The error says what is wrong and where to correct it, and holds no part of the key."""
    with pytest.raises(SigningKeyError, match=why) as caught:
        LocalSigner.from_xprv(text)
    shown = "".join(traceback.format_exception(caught.value, chain=True)) + repr(caught.value.args)
    assert "Airflow connection" in shown
    assert not any(text[start : start + 8] in shown for start in range(len(text) - 8))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (XPRV, "a private one: keep it secret"),
        (base58check(bytes.fromhex("043587cf") + content_of(XPUB)[4:]), "invalid network version"),
        (base58check(content_of(XPUB)[:45] + b"\x05" + bytes(32)), "not a point of the curve"),
    ],
)
def test_a_bad_public_key_is_refused(text, why):
    """A private key in the wrong field, another network, and a point that is none."""
    with pytest.raises(SigningKeyError, match=why) as caught:
        public_key_of(text)
    assert text[10:20] not in str(caught.value)


def test_public_key_bytes_are_checked():
    """Bytes that are no public key are a configuration error, not an invalid signature."""
    with pytest.raises(SigningKeyError, match="not a point"):
        verify("x", "00" * 65, b"\x02" + b"\xff" * 32)


def test_the_signer_never_shows_its_key():
    """Not by repr, str, vars, pickle, copy or JSON, nor by its public attributes."""
    signer = LocalSigner.from_xprv(XPRV)
    secret = private_key_of(XPRV).secret
    public = {name: getattr(signer, name) for name in dir(signer) if not name.startswith("_")}
    shown = f"{signer!r} {signer} {[signer]} {public} {signer._private_key!r}"
    assert signer.key_id in repr(signer)
    for form in (secret.hex(), repr(secret), str(int.from_bytes(secret, "big")), XPRV):
        assert form not in shown
    for attempt in (vars, json.dumps, pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            attempt(signer)
        assert secret.hex() not in str(caught.value)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(signer, protocol)
