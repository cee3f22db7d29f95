"""Extended keys (BIP-32) in their text form: `xprv...` and `xpub...`.

Only the node's own key is read. Nothing is derived from it: a partner's signing key is the node
itself, whatever its depth (partner API, section 11).

No message holds any part of the text that was given: it may be a private key.
"""

from __future__ import annotations

import hashlib

from coincurve import PrivateKey, PublicKey

from settlement.errors import SigningKeyError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TEXT_LENGTH = 111
_CHECKSUM_LENGTH = 4
_XPRV = bytes.fromhex("0488ade4")
_XPUB = bytes.fromhex("0488b21e")
_LENGTH = 78  # version 4, depth 1, parent fingerprint 4, child number 4, chain code 32, key 33


def private_key_of(xprv: str) -> PrivateKey:
    """Private key of an `xprv`.

    :raises SigningKeyError: if the text is not one of mainnet; without any part of it
    """
    version, key = _decode(xprv)
    if version == _XPUB:
        raise _error("must provide a private key: this is an xpub, which can only verify")
    if version != _XPRV:
        raise _error("invalid network version: it must begin with xprv (tprv is a testnet key)")
    if key[0] != 0:
        raise _error("its private key is malformed")
    try:
        return PrivateKey(key[1:])
    except ValueError:
        raise _error("its private key is outside the range of the curve") from None


def public_key_of(xpub: str) -> bytes:
    """Compressed public key (33 bytes) of an `xpub`.

    :raises SigningKeyError: if the text is not one of mainnet
    """
    version, key = _decode(xpub)
    if version == _XPRV:
        raise _error("a public key is wanted here, and this is a private one: keep it secret")
    if version != _XPUB:
        raise _error("invalid network version: it must begin with xpub (tpub is a testnet key)")
    return checked_public_key(key)


def checked_public_key(key: bytes) -> bytes:
    """Compressed form (33 bytes) of a public key.

    :raises SigningKeyError: if the bytes are not a point of the curve
    """
    try:
        return PublicKey(key).format(compressed=True)
    except ValueError:
        raise _error("its public key is not a point of the curve") from None


def _decode(text: str) -> tuple[bytes, bytes]:
    """Version and key of an extended key of any network."""
    number = 0
    if len(text) > _TEXT_LENGTH + 1:
        raise _error(f"it is longer than an extended key, which has {_TEXT_LENGTH} characters")
    for character in text:
        digit = _ALPHABET.find(character)
        if digit < 0:
            raise _error("it has a character that base58 does not know; a space or line break?")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(raw) != _LENGTH + _CHECKSUM_LENGTH:
        raise _error(f"it has the wrong length; an extended key has {_TEXT_LENGTH} characters")
    content, checksum = raw[:_LENGTH], raw[_LENGTH:]
    if double_sha256(content)[:_CHECKSUM_LENGTH] != checksum:
        raise _error("its checksum is wrong: a character was lost or changed in copying")
    is_root, has_parent = content[4] == 0, any(content[5:13])
    if is_root and has_parent:
        raise _error("it claims to be a root key, but names a parent")
    return content[:4], content[-33:]


def double_sha256(content: bytes) -> bytes:
    """SHA-256 of the SHA-256, as Bitcoin hashes."""
    return hashlib.sha256(hashlib.sha256(content).digest()).digest()


def _error(what: str) -> SigningKeyError:
    return SigningKeyError(
        f"the extended key cannot be used: {what}. Correct it in the Airflow connection of the "
        "signing key"
    )
