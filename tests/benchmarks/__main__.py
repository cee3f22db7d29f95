"""`make bench`: each figure is a ratio within one run, so the machine's mood cancels out."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from compute import compute_and_freeze
from parsing import parsing
from rich.console import Console
from rich.table import Table
from signing import signing


def main() -> None:
    """Measure everything; a table for people, JSON with --json."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        figures = [*signing(), *parsing(Path(folder)), *compute_and_freeze(Path(folder))]
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    table = Table("measured", "ours", "instead", "ratio", "goal")
    for each in figures:
        table.add_row(*(str(each[key]) for key in ("measured", "ours", "instead", "ratio", "goal")))
    Console().print(table)


main()
