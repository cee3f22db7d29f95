"""Signing a payload with the partner's own key, and checking such a signature.

Partner API, section 11: a Bitcoin signed message (mainnet prefix in every environment),
deterministic ECDSA on secp256k1 with low S, sent as 65 bytes in lower-case hex.
Signatures are malleable: never use one as an identity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from typing import Final, NoReturn, Protocol, Self, final

from coincurve import PrivateKey, PublicKey

from settlement.errors import SigningKeyError
from settlement.signing.extended_key import (
    checked_public_key,
    double_sha256,
    private_key_of,
    public_key_of,
)

_PREFIX: Final = b"\x18Bitcoin Signed Message:\n"
_HEX = re.compile(r"([0-9a-f]{2})*", re.ASCII | re.IGNORECASE)
_SIGNATURE_LENGTH: Final = 65
_HEADERS: Final = range(27, 43)
_COMPRESSED_HEADERS: Final = range(31, 35)
_BECH32_HEADERS: Final = range(39, 43)


class InvalidSignature(ValueError):  # noqa: N818 (named like the one of cryptography)
    """The signature is malformed, or not one of this key over this payload."""


class Signer(Protocol):
    """Signs payloads for one partner."""

    @property
    def key_ids(self) -> frozenset[str]:
        """Ids of the keys whose signatures are good now: one, or two while keys are rotated."""
        ...

    def sign(self, payload: str) -> str:
        """Signature of exactly this text by one of the keys, 130 lower-case hex digits.

        :raises SigningKeyError: if no such signature can be had; nothing is signed then
        :raises SignerUnavailableError: if a remote signer does not answer
        :raises UntrustedHostError: if a remote signer's certificate is not trusted
        """
        ...


@final
class LocalSigner:
    """Signs with a private key held in this process. Shows only the key's id; cannot be pickled."""

    __slots__ = ("_private_key", "key_id", "key_ids", "public_key")

    def __init__(self, private_key: PrivateKey, also_good: Iterable[str] = ()) -> None:
        self._private_key = private_key
        self.public_key = private_key.public_key.format(compressed=True)
        self.key_id = key_id_of(self.public_key)
        self.key_ids = frozenset({self.key_id, *also_good})

    @classmethod
    def from_xprv(cls, xprv: str, expected: Collection[bytes] = ()) -> Self:
        """Signer with the own key of this extended private key; nothing is derived.

        :param expected: compressed public keys that the partner knows; empty: not compared
        :raises SigningKeyError: if it is malformed, public, of another network, or not expected
        """
        private_key = private_key_of(xprv)
        also_good = [key_id_of(each) for each in expected]
        signer = cls(private_key, also_good)
        if expected and signer.key_id not in also_good:
            raise SigningKeyError(
                f"the signing key has id {signer.key_id}, not {' or '.join(also_good)}: "
                "correct the key or public_key in the Airflow connection of the signing key"
            )
        return signer

    def sign(self, payload: str) -> str:
        """Signature of exactly this text, 130 lower-case hex digits."""
        signed = self._private_key.sign_recoverable(message_hash(payload), hasher=None)
        header = _COMPRESSED_HEADERS[signed[64]].to_bytes()
        return (header + signed[:64]).hex()

    def __repr__(self) -> str:
        return f"LocalSigner(key_id={self.key_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer holds a private key: it is never pickled or copied")


def key_id_of(public_key: bytes) -> str:
    """First 16 hex digits of the SHA-256 of a compressed public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def message_hash(payload: str) -> bytes:
    """Digest that is signed for a payload, 32 bytes."""
    message = _utf_8(payload)
    content = _PREFIX + _variable_length(len(message)) + message
    return double_sha256(content)


def _utf_8(text: str) -> bytes:
    """Encode as JavaScript does: a lone surrogate becomes U+FFFD, all else stays as it is."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def verify(payload: str, signature_hex: str, public_key_or_xpub: bytes | str) -> None:
    """Make sure that the signature is one of this key over exactly this payload.

    :param public_key_or_xpub: bytes of the public key, or the text of an `xpub`
    :raises InvalidSignature: if it is not, or is malformed
    :raises SigningKeyError: if the public key is malformed
    """
    if isinstance(public_key_or_xpub, str):
        expected = public_key_of(public_key_or_xpub)
    else:
        expected = checked_public_key(public_key_or_xpub)
    header = _signature_bytes(signature_hex)[0]
    if signer_of(payload, signature_hex) != expected or header not in _COMPRESSED_HEADERS:
        raise InvalidSignature("the signature is not one of this key over this payload")


def signer_of(payload: str, signature_hex: str) -> bytes:
    """Compressed public key (33 bytes) whose signature over this payload it is.

    :raises InvalidSignature: if it is malformed, or nobody's
    """
    signature = _signature_bytes(signature_hex)
    recoverable = signature[1:] + bytes([(signature[0] - _HEADERS.start) & 3])
    try:
        signer = PublicKey.from_signature_and_message(
            recoverable, message_hash(payload), hasher=None
        )
    except ValueError:
        raise InvalidSignature("Public key could not be recovered from the signature") from None
    return signer.format(compressed=True)


def _signature_bytes(signature_hex: str) -> bytes:
    if not _HEX.fullmatch(signature_hex):
        raise InvalidSignature("Invalid signature: not hexadecimal")
    signature = bytes.fromhex(signature_hex)
    if len(signature) != _SIGNATURE_LENGTH:
        raise InvalidSignature(f"Invalid signature length: {len(signature)} bytes, not 65")
    header = signature[0]
    if header not in _HEADERS:
        raise InvalidSignature(f"Invalid signature parameter: header {header}")
    if header in _BECH32_HEADERS:
        raise InvalidSignature(f"Invalid signature: header {header} is that of a bech32 address")
    return signature


def _variable_length(length: int) -> bytes:
    """Bitcoin's variable-length integer."""
    if length < 0xFD:  # noqa: PLR2004 (the format's own marks)
        return bytes([length])
    if length < 2**16:
        return b"\xfd" + length.to_bytes(2, "little")
    return b"\xfe" + length.to_bytes(4, "little")
