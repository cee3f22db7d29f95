"""Signing a payload, against a bare libsecp256k1 loop and against `cryptography` alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from time import perf_counter

from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from partner_sandbox.demo_world import DEMO_XPRV
from settlement.signing.extended_key import private_key_of
from settlement.signing.signer import LocalSigner

ROUNDS = 5
SIGNATURES = 3000
PAYLOAD = '{"externalId":"demo-2026-03-02-1","settlementAmounts":{"%s":{"BTC":"1"}}}' % ("c" * 36)


def signing() -> list[dict[str, str]]:
    """Signatures per second of each, the best of some alternating rounds."""
    secret = private_key_of(DEMO_XPRV).secret
    signer = LocalSigner.from_xprv(DEMO_XPRV)
    bare = PrivateKey(secret)
    plain = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256K1())
    algorithm = ec.ECDSA(utils.Prehashed(SHA256()))
    runs: dict[str, Callable[[], object]] = {
        "ours": lambda: signer.sign(PAYLOAD),
        "libsecp256k1 loop": lambda: bare.sign_recoverable(_digest(), hasher=None),
        "cryptography alone": lambda: plain.sign(_digest(), algorithm),
    }
    rates = dict.fromkeys(runs, 0)
    for _ in range(ROUNDS):
        for name, run in runs.items():
            rates[name] = max(rates[name], _per_second(run))
    goals = {"libsecp256k1 loop": "≥ 0.9", "cryptography alone": "—"}
    return [
        {
            "measured": "signatures a second",
            "ours": f"{rates['ours']:,}",
            "instead": f"{name}: {rates[name]:,}",
            "ratio": f"{rates['ours'] / rates[name]:.2f}",
            "goal": goal,
        }
        for name, goal in goals.items()
    ]


def _digest() -> bytes:
    """What is signed for the payload, typed out: its length takes one byte."""
    message = PAYLOAD.encode()
    content = b"\x18Bitcoin Signed Message:\n%c%s" % (len(message), message)
    return hashlib.sha256(hashlib.sha256(content).digest()).digest()


def _per_second(run: Callable[[], object]) -> int:
    started = perf_counter()
    for _ in range(SIGNATURES):
        run()
    return round(SIGNATURES / (perf_counter() - started))
