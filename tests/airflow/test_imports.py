"""What a worker imports before each task: the DAG file, and nothing that most tasks do not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DAG_FILE = Path(__file__).parents[2] / "dags" / "partner_settlement.py"
SLOW = ("alembic", "aiohttp", "duckdb", "pandas", "fastapi.routing")
READ = """
import sys
import airflow.sdk.execution_time.task_runner
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag(sys.argv[1])
assert len(bag.dags) == 1 and not bag.import_errors, bag.import_errors
print("imported", *sorted(set(sys.modules) - before))
"""


def test_reading_the_dag_file_imports_nothing_slow(tmp_path: Path) -> None:
    """Tenths of a second each, times the tasks of every run."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAG_FILE.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    command = [sys.executable, "-W", "ignore", "-c", READ, str(DAG_FILE)]
    read = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    (imported,) = [each.split() for each in read.stdout.splitlines() if each.startswith("imported")]
    assert "settlement.ledger.database" in imported
    assert [name for name in SLOW if name in imported] == []
