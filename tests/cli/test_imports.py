"""What every command waits for before it does anything: nothing that only one of them needs."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("airflow", "alembic", "duckdb", "fastapi", "markdown_it", "psycopg", "requests", "uvicorn")
LOAD = """
import sys
import settlement_airflow.cli.app
print(*sorted(sys.modules))
"""


def test_no_command_waits_for_what_another_needs() -> None:
    """Tenths of a second each; Airflow alone is seconds, and not for --help."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD], stdout=subprocess.PIPE, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "settlement_airflow.cli.show" in loaded
    assert [name for name in SLOW if name in loaded] == []
