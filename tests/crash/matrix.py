"""The whole matrix, on several benches at once."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from crash.cell import Bench, Cell, bench
from crash.points import POINTS, Point
from crash.rows import ROWS, Row
from support.postgres import at_once, make_template, running_postgres
from support.washed_ledgers import WashedLedgers

Result = TypeVar("Result")


@dataclass
class Played:
    """A row of the matrix: what comes of it without a kill, and killed at each point it reaches."""

    row: Row
    unharmed: Cell
    killed: dict[Point, Cell] = field(default_factory=dict)
    """A point that is not here was not reached: the run that nobody killed never passed it."""


def play(folder: Path, count: int, report: Callable[[str], None]) -> list[Played]:
    """Play every cell on `count` benches at once; rows come back in their order."""
    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        server = stack.enter_context(running_postgres(folder / "postgres"))
        admin = stack.enter_context(at_once(server))
        ledgers = WashedLedgers(admin, make_template(server))
        free: queue.SimpleQueue[Bench] = queue.SimpleQueue()
        for number in range(count):
            place = folder / f"bench{number}"
            free.put(stack.enter_context(bench(ledgers, place, ROWS[0])))

        def on_a_bench(work: Callable[[Bench], Result]) -> Result:
            taken = free.get()
            try:
                return work(taken)
            finally:
                free.put(taken)

        def unharmed(row: Row) -> tuple[Played, set[str]]:
            cell, passed = on_a_bench(lambda at: at.without_a_kill(row))
            return Played(row, cell), passed

        def killed(played: Played, point: Point) -> None:
            try:
                played.killed[point] = on_a_bench(lambda at: at.killed_at(played.row, point))
            except Exception as error:
                error.add_note(f"{played.row.name}, {point.key}")
                raise

        probed = list(pool.map(unharmed, ROWS))
        cells = [
            pool.submit(killed, played, point)
            for played, passed in probed
            for point in POINTS
            if point.key in passed
        ]
        for number, _ in enumerate(as_completed(cells), start=1):
            report(f"{number} of {len(cells)} cells")
        if failed := [error for each in cells if (error := each.exception())]:
            raise BaseExceptionGroup("cells that were not played to their end", failed)
    return [played for played, _ in probed]
