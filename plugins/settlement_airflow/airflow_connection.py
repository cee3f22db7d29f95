"""Finding an Airflow connection, and saying what is wrong with one."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.execution_time import supervisor

from settlement.errors import ConfigurationError

_SOURCES = {
    "EnvironmentVariablesBackend": "the environment, so the UI does not list it",
    "ExecutionAPISecretsBackend": "Airflow, as the UI lists it",
    "MetastoreBackend": "Airflow, as the UI lists it",
}


def connection_named(conn_id: str) -> Any:
    """The Airflow connection with this id.

    :raises ConfigurationError: if no source that Airflow knows has it, or it cannot be read
    """
    found = connection_if_given(conn_id)
    if found is None:
        raise ConfigurationError(
            f"there is no Airflow connection {conn_id}: define it in the UI, as "
            f"AIRFLOW_CONN_{conn_id.upper()} or in the secrets backend. If the UI shows it, the "
            "log of the API server says why it cannot be read",
            conn_id=conn_id,
        )
    return found


def connection_if_given(conn_id: str) -> Any | None:
    """The Airflow connection with this id; None if no source that Airflow knows has it.

    :raises ConfigurationError: if a source has it and it cannot be read
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        _require_absent(conn_id)
        return None
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):  # Airflow would go on without all that it says
        raise wrong_connection(conn_id, "extra cannot be read: write it as a JSON object")
    return connection


def source_of(conn_id: str) -> str | None:
    """Which of the sources that Airflow asks has the connection; None if none has, or can be read.

    The environment comes first, and the UI does not list what is there.
    """
    for source in supervisor.ensure_secrets_backend_loaded():
        with suppress(Exception):  # each has its own, and what cannot be read is told elsewhere
            if source.get_connection(conn_id=conn_id) is not None:
                return _SOURCES.get(type(source).__name__, type(source).__name__)
    return None


def _require_absent(conn_id: str) -> None:
    """Airflow passes over what a source cannot read, as if it were not there: ask each again."""
    for source in supervisor.ensure_secrets_backend_loaded():
        try:
            connection = source.get_connection(conn_id=conn_id)
            if connection is not None:
                connection.get_uri()  # decrypts
        except Exception as error:  # noqa: BLE001 - each source has its own
            # Not the error's text: it may show the secret.
            raise wrong_connection(
                conn_id,
                f"cannot be read from {type(source).__name__} ({type(error).__name__}). Correct it "
                "where it is defined: it must be JSON or a URI as Airflow writes them, and "
                "encrypted with a fernet key that this Airflow has",
            ) from None


def wrong_connection(conn_id: str, what: str, *, to_do: str | None = None) -> ConfigurationError:
    """The error for a connection that exists and cannot be used; `what` holds no secret."""
    return ConfigurationError(f"Airflow connection {conn_id}: {what}", to_do=to_do, conn_id=conn_id)
