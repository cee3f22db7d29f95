"""Verification of a partner's signature over a payload (partner API, section 11)."""

from __future__ import annotations

import hashlib
import re

from coincurve import PublicKey

_PREFIX = b"\x18Bitcoin Signed Message:\n"
_WELL_FORMED = re.compile(r"[0-9a-fA-F]{130}")
_COMPRESSED_P2PKH_HEADERS = range(31, 35)
_ONE_BYTE_LIMIT = 0xFD
_TWO_BYTE_LIMIT = 0x1_0000


def is_well_formed(signature: str) -> bool:
    """Whether the text is 65 bytes in hex."""
    return _WELL_FORMED.fullmatch(signature) is not None


def verifies(payload: str, signature: str, expected_public_key: bytes) -> bool:
    """Whether a well-formed signature over the payload was made by the key.

    As the published library does, this accepts the high-S twin of a signature.
    """
    raw = bytes.fromhex(signature)
    header, r_and_s = raw[0], raw[1:]
    if header not in _COMPRESSED_P2PKH_HEADERS:
        return False
    recovery_id = bytes([header - _COMPRESSED_P2PKH_HEADERS.start])
    try:
        recovered = PublicKey.from_signature_and_message(
            r_and_s + recovery_id, message_digest(payload), hasher=None
        )
    except ValueError:
        # libsecp256k1 finds no key for these numbers (r = 0, for instance)
        return False
    return recovered.format() == expected_public_key


def message_digest(payload: str) -> bytes:
    """Return the 32 bytes to sign: double SHA-256 of prefix, length in bytes and message."""
    message = payload.encode("utf-8")
    text = _PREFIX + _variable_length(len(message)) + message
    return hashlib.sha256(hashlib.sha256(text).digest()).digest()


def _variable_length(count: int) -> bytes:
    if count < _ONE_BYTE_LIMIT:
        return count.to_bytes(1)
    if count < _TWO_BYTE_LIMIT:
        return b"\xfd" + count.to_bytes(2, "little")
    return b"\xfe" + count.to_bytes(4, "little")
