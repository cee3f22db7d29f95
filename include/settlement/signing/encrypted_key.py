"""Opening an extended private key that BitGo's tools have encrypted with a passphrase.

Partner API, section 12.3: an envelope is a JSON text. Version 1 is SJCL's (PBKDF2 and
AES-CCM), version 2 has Argon2id and AES-GCM. No message holds any part of key or passphrase, nor
more of an envelope than names of its fields.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from settlement.errors import SigningKeyError
from settlement.strict_json import from_json

_KEY_LENGTH = 32
_CCM_TAG_LENGTH = 8
_CCM_NONCE_LENGTH = 13  # of SJCL's 16-byte iv, for texts under 64 KB
_SESSION_INFO = b"bitgo-v2-session"


def _bytes(value: object) -> object:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else value


def _length(length: int) -> object:
    return Field(min_length=length, max_length=length)


class _Version1(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    v: Literal[1]
    iter: Annotated[int, Field(ge=1, le=10_000_000)]
    ks: Literal[256]
    ts: Literal[64]
    mode: Literal["ccm"]
    adata: Literal[""]
    cipher: Literal["aes"]
    iv: Annotated[bytes, BeforeValidator(_bytes), _length(16)]
    salt: Annotated[bytes, BeforeValidator(_bytes), _length(8)]
    ct: Annotated[bytes, BeforeValidator(_bytes), Field(min_length=_CCM_TAG_LENGTH, max_length=999)]

    def open(self, passphrase: bytes) -> bytes:
        kdf = PBKDF2HMAC(SHA256(), length=_KEY_LENGTH, salt=self.salt, iterations=self.iter)
        cipher = AESCCM(kdf.derive(passphrase), tag_length=_CCM_TAG_LENGTH)
        return cipher.decrypt(self.iv[:_CCM_NONCE_LENGTH], self.ct, None)


class _Version2(BaseModel):
    """The upper bounds are BitGo's own: an envelope must not be able to exhaust the machine."""

    model_config = ConfigDict(strict=True, extra="forbid")

    v: Literal[2]
    m: Annotated[int, Field(ge=128, le=262_144)]
    t: Annotated[int, Field(ge=1, le=16)]
    p: Annotated[int, Field(ge=1, le=16)]
    salt: Annotated[bytes, BeforeValidator(_bytes), _length(16)]
    iv: Annotated[bytes, BeforeValidator(_bytes), _length(12)]
    ct: Annotated[bytes, BeforeValidator(_bytes), Field(min_length=16, max_length=999)]
    hkdf_salt: Annotated[bytes | None, BeforeValidator(_bytes)] = Field(
        default=None, alias="hkdfSalt"
    )
    adata: str = ""

    def open(self, passphrase: bytes) -> bytes:
        key = Argon2id(
            salt=self.salt,
            length=_KEY_LENGTH,
            iterations=self.t,
            lanes=self.p,
            memory_cost=self.m,
        ).derive(passphrase)
        if self.hkdf_salt is not None:
            hkdf = HKDF(SHA256(), length=_KEY_LENGTH, salt=self.hkdf_salt, info=_SESSION_INFO)
            key = hkdf.derive(key)
        return AESGCM(key).decrypt(self.iv, self.ct, self.adata.encode())


_ENVELOPE: TypeAdapter[_Version1 | _Version2] = TypeAdapter(
    Annotated[_Version1 | _Version2, Field(discriminator="v")]
)


def decrypt_xprv(encrypted_xprv: str, passphrase: str) -> str:
    """Text of the extended private key in an envelope of version 1 or 2.

    :raises SigningKeyError: if the envelope is malformed, or the passphrase does not open it
    """
    try:
        envelope = _ENVELOPE.validate_python(from_json(encrypted_xprv))
    except ValidationError as error:
        places = {".".join(str(part) for part in item["loc"][1:]) for item in error.errors()}
        fields = ", ".join(sorted(places - {""})) or "v"
        raise _error(f"its envelope is not of version 1 or 2; look at: {fields}") from None
    except ValueError:
        raise _error("its envelope is not one JSON text; was it cut, or unescaped twice?") from None
    try:
        return envelope.open(passphrase.encode()).decode("ascii")
    except InvalidTag:
        raise _error("the passphrase does not open it") from None
    except UnicodeDecodeError:
        raise _error("what it holds is no extended key") from None


def _error(what: str) -> SigningKeyError:
    return SigningKeyError(
        f"the encrypted signing key cannot be used: {what}. Correct encrypted_private_key or the "
        "password in the Airflow connection of the signing key"
    )
