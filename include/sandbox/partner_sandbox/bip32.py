"""The few pieces of BIP-32 that a signing key needs: base58check, master key, public node."""

from __future__ import annotations

import hashlib
import hmac

from coincurve import PrivateKey, PublicKey

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_XPRV_VERSION = bytes.fromhex("0488ADE4")
_XPUB_VERSION = bytes.fromhex("0488B21E")
_CHECKSUM_LENGTH = 4
_NODE_LENGTH = 78
_KEY_OFFSET = 45


def master_xprv(seed: bytes) -> str:
    """Return extended private key of the BIP-32 master node of a seed."""
    digest = hmac.new(b"Bitcoin seed", seed, hashlib.sha512).digest()
    secret, chain_code = digest[:32], digest[32:]
    return _encode(_XPRV_VERSION + bytes(9) + chain_code + b"\x00" + secret)


def private_key(xprv: str) -> PrivateKey:
    """Return the private key of the node itself, nothing derived (partner API, section 11).

    Raises:
        ValueError: not an extended private key of the main network.

    """
    node = _decode(xprv)
    if node[:4] != _XPRV_VERSION:
        raise ValueError("not an extended private key (xprv)")
    return PrivateKey(node[_KEY_OFFSET + 1 :])


def public_key(text: str) -> bytes:
    """Compressed public key from 66 hex characters or an extended public key (xpub).

    Raises:
        ValueError: neither of the two.

    """
    if text.startswith("xpub"):
        node = _decode(text)
        if node[:4] != _XPUB_VERSION:
            raise ValueError("not an extended public key (xpub)")
        return PublicKey(node[_KEY_OFFSET:]).format()
    return PublicKey(bytes.fromhex(text)).format()


def _encode(data: bytes) -> str:
    number = int.from_bytes(data + _checksum(data))
    text = ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text


def _decode(text: str) -> bytes:
    number = 0
    for character in text:
        digit = _ALPHABET.find(character)
        if digit < 0:
            raise ValueError("not base58: an extended key has no such character")
        number = number * len(_ALPHABET) + digit
    if number.bit_length() > (_NODE_LENGTH + _CHECKSUM_LENGTH) * 8:
        raise ValueError("too long for an extended key")
    data = number.to_bytes(_NODE_LENGTH + _CHECKSUM_LENGTH)
    node, checksum = data[:_NODE_LENGTH], data[_NODE_LENGTH:]
    if _checksum(node) != checksum:
        raise ValueError("the checksum of the extended key does not match")
    return node


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()[:_CHECKSUM_LENGTH]
