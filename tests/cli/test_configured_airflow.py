"""Connections of the Airflow that a machine is configured for are found, without touching it."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from settlement_airflow.cli.configured_airflow import configured_airflow
from support.airflow_day import AirflowDay

from .conftest import Command

DAY = "2026-03-03"
CONFIG = """
[core]
fernet_key = from-cfg
[secrets]
backend = some.Backend
[database]
sql_alchemy_conn = postgresql+psycopg2://u:secret@db/airflow
"""


def test_without_any_airflow_nothing_is_known(tmp_path: Path) -> None:
    """And nothing is created."""
    theirs = configured_airflow({"AIRFLOW_HOME": str(tmp_path / "airflow")})
    assert (theirs.metadata_url, dict(theirs.settings)) == (None, {})
    assert list(tmp_path.iterdir()) == []


def test_its_configuration_file_is_read(tmp_path: Path) -> None:
    """Database, key and secrets backend; the password is not shown."""
    (tmp_path / "airflow.cfg").write_text(CONFIG)
    theirs = configured_airflow({"AIRFLOW_HOME": str(tmp_path)})
    assert theirs.metadata_url == "postgresql+psycopg2://u:secret@db/airflow"
    assert dict(theirs.settings) == {
        "AIRFLOW__CORE__FERNET_KEY": "from-cfg",
        "AIRFLOW__SECRETS__BACKEND": "some.Backend",
    }
    assert "secret@" not in repr(theirs)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """As in Airflow itself."""
    (tmp_path / "airflow.cfg").write_text(CONFIG)
    variables = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////elsewhere.db",
        "AIRFLOW__CORE__FERNET_KEY": "from-environment",
    }
    theirs = configured_airflow(variables)
    assert theirs.metadata_url == "sqlite:////elsewhere.db"
    assert theirs.settings["AIRFLOW__CORE__FERNET_KEY"] == "from-environment"


def test_connections_from_the_ui_are_used_as_a_worker_would(
    day: AirflowDay, shared_home: Path, command_process: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All four are in the metadata database of the configured Airflow, none in the environment."""
    command_process("run", "demo", DAY, AIRFLOW_CONN_SIGNING_KEY="{}")  # prepares an empty one
    (template,) = (shared_home / "airflow").glob("metadata-*.db")
    database = day.folder / "airflow.db"
    database.write_bytes(template.read_bytes())
    for name in ("WAREHOUSE", "SETTLEMENT_LEDGER", "PARTNER_API", "SIGNING_KEY"):
        add_connection(database, name.lower(), monkeypatch, f"AIRFLOW_CONN_{name}")
    variables = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}"}
    ended = command_process("run", "demo", DAY, **variables)
    assert ended.code == 0, ended.err
    assert "WARNING" not in ended.err
    assert day.booked() == day.owed()
    shown = command_process("show", "demo", DAY, "--json", **variables)
    assert [each["state"] for each in json.loads(shown.out)["slots"]] == ["completed"]
    with closing(sqlite3.connect(database)) as theirs:
        assert theirs.execute("SELECT count(*) FROM dag_run").fetchone() == (0,)


def add_connection(
    database: Path, conn_id: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Move a connection from the environment into the database."""
    given = json.loads(os.environ[variable])
    monkeypatch.delenv(variable)
    columns = ("conn_type", "host", "login", "password", "schema")
    with closing(sqlite3.connect(database)) as theirs, theirs:
        theirs.execute(
            "INSERT INTO connection (conn_id, conn_type, host, login, password, schema, "
            "is_encrypted, is_extra_encrypted) VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
            [conn_id, *(given.get(column) for column in columns)],
        )


def test_a_metadata_database_that_cannot_be_read_is_configuration(
    day: AirflowDay, command_process: Command
) -> None:
    """Exit code 2; the URL with its password is not shown."""
    url = "postgresql+psycopg2://u:hidden@127.0.0.1:9/airflow"
    ended = command_process("run", "demo", DAY, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)
    assert ended.code == 2
    assert "check AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in ended.err
    assert "hidden" not in ended.err
