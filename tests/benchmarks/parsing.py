"""Reading the DAG file, as a worker does before each task, against an empty DAG file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

DAG_FILE = Path(__file__).parents[2] / "dags" / "partner_settlement.py"
ROUNDS = 5
EMPTY = 'from airflow.sdk import DAG\n\nwith DAG("empty", schedule=None):\n    pass\n'
PARSE = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert len(bag.dags) == 1 and not bag.import_errors, bag.import_errors
"""


def parsing(folder: Path) -> list[dict[str, str]]:
    """Wall time of a new process that reads the file: the best of some alternating rounds."""
    empty = folder / "dags" / "empty.py"
    empty.parent.mkdir()
    empty.write_text(EMPTY)
    best = dict.fromkeys((DAG_FILE, empty), float("inf"))
    for _ in range(1 + ROUNDS):  # the first one warms up the disk
        for file in best:
            best[file] = min(best[file], _seconds(file, folder))
    return [
        {
            "measured": "a new process reads the DAG file",
            "ours": f"{best[DAG_FILE]:.2f} s",
            "instead": f"an empty DAG: {best[empty]:.2f} s",
            "ratio": f"{best[DAG_FILE] / best[empty]:.2f}",
            "goal": "≤ 1.2",
        }
    ]


def _seconds(file: Path, folder: Path) -> float:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [sys.executable, "-W", "ignore", "-c", PARSE, str(file)]
    started = perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - started
