"""A signing key as BitGo's tools encrypt it, from the test vectors; it protects nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

VECTORS = Path(__file__).parents[1] / "vectors" / "encrypted-keys.json"


class EncryptedKey(NamedTuple):
    """The key, and the envelope that the passphrase opens."""

    xprv: str
    passphrase: str
    encrypted_xprv: str


def _load() -> EncryptedKey:
    content = json.loads(VECTORS.read_text())
    envelope = content["envelopes"][0]
    return EncryptedKey(content["xprv"], envelope["passphrase"], envelope["encrypted_xprv"])


ENCRYPTED_KEY = _load()
