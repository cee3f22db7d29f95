"""The signing key as an Airflow connection type, so that it has a form and can be tested."""

from __future__ import annotations

from airflow.sdk import BaseHook

from settlement.errors import ConfigurationError
from settlement_airflow.connections import open_signer


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
        """Whether the key is well-formed and opens; names its id, never the key."""
        try:
            signer = open_signer(self.signing_conn_id)
        except ConfigurationError as error:
            return False, error.message
        return True, f"the key can sign; its id is {signer.key_id}"
