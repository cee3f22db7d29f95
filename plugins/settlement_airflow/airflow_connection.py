"""Finding an Airflow connection, and saying what is wrong with one."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from settlement.errors import ConfigurationError


def connection_named(conn_id: str) -> Any:
    """The Airflow connection with this id.

    :raises ConfigurationError: if no source that Airflow knows has it
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"there is no Airflow connection {conn_id}: define it in the UI, as "
            f"AIRFLOW_CONN_{conn_id.upper()} or in the secrets backend"
        ) from None


def wrong_connection(conn_id: str, what: str) -> ConfigurationError:
    """The error for a connection that exists and cannot be used; `what` holds no secret."""
    return ConfigurationError(f"Airflow connection {conn_id}: {what}")
