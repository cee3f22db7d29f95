"""The signing key as an Airflow connection type, so that it has a form and can be tested."""

from __future__ import annotations

from airflow.sdk import BaseHook

from settlement.doctor.own_setup import WORTHLESS
from settlement.errors import SettlementError
from settlement.signing.signer import key_id_of, signer_of
from settlement_airflow.signers import open_signer


class SigningKeyHook(BaseHook):
    """Checks that a signing key can be used. It never hands the key out."""

    conn_name_attr = "signing_conn_id"
    default_conn_name = "signing_key"
    conn_type = "settlement_signing_key"
    hook_name = "Settlement signing key"

    def __init__(self, signing_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.signing_conn_id = signing_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Whether a text that is worth nothing gets its signature; names the key that signed."""
        try:
            signature = open_signer(self.signing_conn_id).sign(WORTHLESS)
        except SettlementError as error:
            return False, error.message
        return True, f"key {key_id_of(signer_of(WORTHLESS, signature))} signs"
