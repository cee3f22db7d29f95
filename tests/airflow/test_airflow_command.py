"""`make up` leaves a command for the other terminal: airflow, with the environment of the place."""

from __future__ import annotations

import subprocess
from pathlib import Path

from settlement_airflow.up.stack import write_command


def test_the_command_is_airflow_with_that_environment(tmp_path: Path) -> None:
    """Quotes and spaces survive, and nobody else can read the secrets in it."""
    command = tmp_path / "bin" / "airflow"
    owner = """{"login": "o'hara & sons"}"""
    write_command(
        command,
        {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__EMAIL__FROM_EMAIL": owner,
        },
    )
    assert command.stat().st_mode & 0o777 == 0o700
    shown = subprocess.run(
        [command, "config", "get-value", "email", "from_email"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == owner
