"""The private Airflow of a command: nothing of an earlier process is in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KILLED_BEFORE = """
import os, signal, sqlite3
from settlement_airflow.cli import private_airflow

database = private_airflow._folder() / f"run-{os.getpid()}.db"
if child := os.fork():
    os.waitpid(child, 0)
else:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE left_by_a_killed_run (n INTEGER)")
    connection.commit()
    os.kill(os.getpid(), signal.SIGKILL)
assert database.with_name(database.name + "-wal").stat().st_size > 0
with private_airflow.private_metadata([]):
    rows = sqlite3.connect(database).execute("SELECT name FROM sqlite_master")
    print(sorted({"dag_run", "left_by_a_killed_run"} & {name for name, in rows}))
"""


def test_what_a_killed_run_of_the_same_process_id_left_is_not_taken_over(
    shared_home: Path,
) -> None:
    """In a container every command may have the same id; its database starts empty each time."""
    kept = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    own = {"HOME": str(shared_home), "SETTLEMENT_HOME": str(shared_home)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE],
        env=kept | own,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "['dag_run']"
