"""From the Airflow connection of the signing key to what signs: a local key, or BitGo Express."""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk.log import mask_secret

from settlement.errors import SigningKeyError
from settlement.signing.encrypted_key import decrypt_xprv
from settlement.signing.extended_key import checked_public_key, public_key_of
from settlement.signing.signer import LocalSigner, Signer, key_id_of
from settlement_airflow.airflow_connection import connection_named, wrong_connection
from settlement_airflow.hooks.remote_signer import RemoteSigner
from settlement_airflow.hooks.target import target_of

MOST_KEYS = 2
_HEX_KEY = re.compile(r"0[23][0-9a-f]{64}", re.IGNORECASE)


def open_signer(conn_id: str) -> Signer:
    """The signer behind an Airflow connection of type `settlement_signing_key`.

    :raises ConfigurationError: if the Airflow connection is missing or incomplete
    :raises SigningKeyError: if a key is malformed or not the expected one, or its passphrase does
        not open it
    """
    connection = connection_named(conn_id)
    expected = _expected_keys(conn_id, connection.extra_dejson.get("public_key"))
    if connection.host:
        return _remote_signer(conn_id, connection, expected)
    if not connection.password:
        raise wrong_connection(
            conn_id, "password must be the xprv, or the passphrase that opens it"
        )
    encrypted = connection.extra_dejson.get("encrypted_private_key")
    xprv: str = connection.password
    if encrypted:
        xprv = decrypt_xprv(str(encrypted), connection.password)
    mask_secret(xprv)
    return LocalSigner.from_xprv(xprv.strip(), expected)


def expects_a_key(conn_id: str) -> bool:
    """Whether the Airflow connection says which key must sign."""
    return bool(connection_named(conn_id).extra_dejson.get("public_key"))


def _remote_signer(conn_id: str, connection: Any, expected: list[bytes]) -> RemoteSigner:
    wallet_id = str(connection.extra_dejson.get("wallet_id") or "").strip()
    if not wallet_id or not expected:
        raise wrong_connection(
            conn_id,
            "host asks for a remote signer: wallet_id and public_key (of the trading account's "
            "user key) must be set in its extra",
        )
    target = target_of(conn_id, token_needed=False)
    return RemoteSigner(target, wallet_id, {key_id_of(each): each for each in expected})


def _expected_keys(conn_id: str, text: object) -> list[bytes]:
    """Public keys that may sign, as `xpub` or as 66 hex digits; two while keys are rotated."""
    given = str(text or "").replace(",", " ").split()
    if len(given) > MOST_KEYS:
        raise wrong_connection(conn_id, "public_key names more than two keys: the old, the new")
    return [_public_key(conn_id, each) for each in given]


def _public_key(conn_id: str, text: str) -> bytes:
    try:
        if _HEX_KEY.fullmatch(text):
            return checked_public_key(bytes.fromhex(text))
        return public_key_of(text)
    except SigningKeyError as error:
        raise wrong_connection(
            conn_id, f"public_key is neither an xpub nor 66 hex digits ({error.message})"
        ) from None
