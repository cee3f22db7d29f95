"""docs/crash-matrix.md: written from a matrix that was played, and read again by a test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from crash.cell import Cell
from crash.matrix import Played
from crash.points import MOMENTS, POINTS

PAGE = Path(__file__).parents[2] / "docs" / "crash-matrix.md"
NOT_REACHED = "not reached"
INTRODUCTION = """\
# Killed anywhere, settled once

`make crash-matrix` plays every cell and writes this page; do not edit it.

A cell is a business date that `settlement run` settles: the real DAG, in a process of its own. The
process is killed with SIGKILL at the moment that the column names, while the partner does what the
row names. Then the date is run again. Everything is real but the partner, which is the sandbox; it
alone says what is booked.

**1** is how often each line of the date's net positions was booked in the end, with exactly its
amount. After it stands how the run after the kill ended: *exit 0* is green. *exit 1, then 0* is
red, as the [table of answers](answers.md) wants it, and green after the next step that the first
table names. *not reached*: a run that nobody kills never passes that moment. After every cell the
ledger is checked as `settlement verify` checks it.

"""


def text_of(played: Sequence[Played]) -> str:
    """The page."""
    return INTRODUCTION + "\n".join([_rows(played), *(_step(played, step) for step in MOMENTS)])


def _rows(played: Sequence[Played]) -> str:
    lines = [
        [each.row.name, each.row.answer, each.row.next_step, _shown(each.unharmed)]
        for each in played
    ]
    heads = ["what the partner does", "row of the table", "next step if red", "not killed"]
    return _section("What the partner does to the first submit", heads, lines)


def _step(played: Sequence[Played], step: str) -> str:
    points = [point for point in POINTS if point.step == step]
    lines = [
        [each.row.name, *(_shown(each.killed.get(point)) for point in points)] for each in played
    ]
    return _section(step, ["", *(point.what for point in points)], lines)


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return NOT_REACHED
    return f"**{cell.bookings}**, exit {', then '.join(map(str, cell.exits))}"


def _section(title: str, heads: list[str], lines: list[list[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join([f"## {title}", "", *(f"| {' | '.join(row)} |" for row in rows), ""])


def tables_in(page: str) -> dict[str, list[list[str]]]:
    """Cells of each section's table, its first line included, by title."""
    sections = page.split("\n## ")[1:]
    return {
        each.partition("\n")[0]: [
            re.split(r" *\| *", line)[1:-1]
            for line in each.splitlines()
            if line.startswith("|") and not line.startswith("| ---")
        ]
        for each in sections
    }
