"""What this project adds to Airflow's list of connection types, with their forms.

Found through the entry point `apache_airflow_provider`. The forms are data: showing them imports
none of our code.
"""

from __future__ import annotations

from typing import Any

NULLABLE_TEXT = ["string", "null"]


def get_provider_info() -> dict[str, Any]:
    """Provider information in the form of Airflow's provider_info schema."""
    return {
        "package-name": "partner-settlement",
        "name": "Partner settlement",
        "description": "Daily settlement with the BitGo Go Network.",
        "connection-types": [_partner_api(), _signing_key()],
    }


def _partner_api() -> dict[str, Any]:
    return {
        "connection-type": "bitgo_network",
        "hook-class-name": "settlement_airflow.hooks.partner_api.PartnerApiHook",
        "hook-name": "BitGo Network",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "port"],
            "relabeling": {"host": "Base URL", "password": "Access token"},
            "placeholders": {"host": "https://app.bitgo.com"},
        },
        "conn-fields": {
            "enterprise_id": {
                "label": "Enterprise id (for testing the connection only)",
                "schema": {"type": NULLABLE_TEXT},
            },
            "verify": {
                "label": "CA bundle (path on the workers)",
                "schema": {"type": NULLABLE_TEXT},
            },
        },
    }


def _signing_key() -> dict[str, Any]:
    return {
        "connection-type": "settlement_signing_key",
        "hook-class-name": "settlement_airflow.hooks.signing_key.SigningKeyHook",
        "hook-name": "Settlement signing key",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "port"],
            "relabeling": {
                "host": "Remote signer URL (empty: the key is given below)",
                "password": "xprv, the passphrase of the encrypted one, or the signer's token",
            },
            "placeholders": {"host": "https://express.example"},
        },
        "conn-fields": {
            "encrypted_private_key": {
                "label": "Encrypted xprv (JSON as BitGo's tools write it)",
                "schema": {"type": NULLABLE_TEXT, "format": "multiline"},
            },
            "wallet_id": {
                "label": "Wallet id of the trading account (remote signer)",
                "schema": {"type": NULLABLE_TEXT},
            },
            "public_key": {
                "label": "Expected public key: xpub or 66 hex digits; two while keys are rotated",
                "schema": {"type": NULLABLE_TEXT},
            },
        },
    }
