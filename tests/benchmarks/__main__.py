"""`make bench`: each figure is a ratio within one run, so the machine's mood cancels out."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from commanding import commanding
from compute import compute_and_freeze
from page import write_page
from paging import paging
from parsing import parsing
from remembering import remembering
from rich.console import Console
from rich.table import Table
from scheduling import scheduling
from signing import signing
from submitting import submitting
from watching import watching

BENCHMARKS: dict[str, Callable[[Path], list[dict[str, str]]]] = {
    "signing": lambda _: signing(),
    "parsing": parsing,
    "commanding": commanding,
    "compute": compute_and_freeze,
    "remembering": remembering,
    "watching": watching,
    "paging": paging,
    "scheduling": scheduling,
    "submitting": submitting,
}
COLUMNS = ("measured", "ours", "instead", "ratio", "goal")


def main() -> None:
    """Measure; a table for people, JSON with --json, into docs/benchmarks.md with --write."""
    parser = ArgumentParser(prog="make bench")
    parser.add_argument("--only", choices=BENCHMARKS, help="measure this one alone")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="everything, into the page")
    asked = parser.parse_args()
    if asked.only and asked.write:
        parser.error("the page holds everything: leave --only out")
    figures = _measured([asked.only] if asked.only else list(BENCHMARKS))
    if asked.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    if asked.write:
        write_page(figures, COLUMNS)
    table = Table(*COLUMNS)
    for each in figures:
        table.add_row(*(each[key] for key in COLUMNS))
    Console().print(table)


def _measured(names: list[str]) -> list[dict[str, str]]:
    logging.disable(logging.WARNING)
    figures: list[dict[str, str]] = []
    for name in names:
        sys.stderr.write(f"{name} ...\n")
        with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
            figures += BENCHMARKS[name](Path(folder))
    return figures


main()
