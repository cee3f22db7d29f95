"""A sample of the crash matrix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crash.cell import Bench, Cell, bench
from crash.matrix import Played
from crash.page import PAGE, tables_in, text_of
from crash.points import POINTS
from crash.rows import ROWS
from settlement.ledger.embedded import EmbeddedServer

ROW = {row.name: row for row in ROWS}
POINT = {point.key: point for point in POINTS}
ANSWERS = PAGE.with_name("answers.md")
SAMPLE = [
    ("200, completed", "compute_net_positions/business_date committed", (0,)),
    ("200, completed", "build_requests/payload answered", (0,)),
    ("200, completed", "submit_requests/submit not sent", (0,)),
    ("200, completed", "submit_requests/submit answered", (0,)),
    ("200, completed", "verify_settled/end", (0,)),
    ("reset, it arrives late", "submit_requests/submit answered", (0,)),
    ("401, rejected", "sign_requests/end", (1, 0)),
    ("409, somebody else's under it", "reconcile_conflicts/transfers answered", (1, 0)),
]


@pytest.fixture(scope="module")
def ready(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One bench for all cells of the sample."""
    with bench(postgres, tmp_path_factory.mktemp("crash") / "bench", ROWS[0]) as prepared:
        yield prepared


@pytest.mark.parametrize(("row", "point", "exits"), SAMPLE)
def test_a_killed_run_is_settled_once_by_the_next(
    ready: Bench, row: str, point: str, exits: tuple[int, ...]
) -> None:
    """Killed there with SIGKILL; the runs after it end as told, every line is booked once."""
    assert ready.killed_at(ROW[row], POINT[point]) == Cell("1", exits)


def test_the_rows_are_those_of_the_table_of_answers() -> None:
    """Every answer that the docs know is played, and no other."""
    table = ANSWERS.read_text().split("| answer |", 1)[1].split("\n\n", 1)[0]
    documented = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert set(documented) == {row.answer for row in ROWS}


def test_what_was_played_is_what_is_shown() -> None:
    """A line booked twice would be on the page, and would be found there."""
    played = [Played(row, Cell("1", (0,))) for row in ROWS]
    played[0].killed[POINTS[0]] = Cell("1 to 2", (0,))
    shown = tables_in(text_of(played))[POINTS[0].step][1][1]
    assert shown == "**1 to 2**, exit 0"
