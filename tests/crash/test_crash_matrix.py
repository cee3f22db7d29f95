"""A sample of the crash matrix, and the page that the whole of it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from crash.cell import Bench, Cell, bench
from crash.matrix import Played
from crash.page import NOT_REACHED, PAGE, tables_in, text_of
from crash.points import MOMENTS, POINTS
from crash.rows import ROWS
from support.washed_ledgers import WashedLedgers

ROW = {row.name: row for row in ROWS}
POINT = {point.key: point for point in POINTS}
ANSWERS = PAGE.with_name("answers.md")
ONCE = re.compile(r"\*\*1\*\*, exit (0|[12], then 0)")
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
def ready(
    washed_ledgers: WashedLedgers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One bench for all cells of the sample."""
    folder = tmp_path_factory.mktemp("crash") / "bench"
    with bench(washed_ledgers, folder, ROWS[0]) as prepared:
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


def test_the_page_has_every_step_and_row_and_only_ones() -> None:
    """As the run of the matrix has written it: the tables, the rows, the columns, the cells."""
    first, *steps = tables_in(PAGE.read_text()).items()
    assert [line[0] for line in first[1][1:]] == list(ROW)
    assert [title for title, _ in steps] == list(MOMENTS)
    for title, (heads, *lines) in steps:
        assert heads[1:] == [what for what, _ in MOMENTS[title]]
        assert [line[0] for line in lines] == list(ROW)
        cells = [cell for line in lines for cell in line[1:]]
        assert [each for each in cells if each != NOT_REACHED and not ONCE.fullmatch(each)] == []
    assert all(ONCE.fullmatch(line[-1]) for line in first[1][1:])


def test_every_moment_of_the_page_is_reached_by_some_row() -> None:
    """No column consists of cells that were never played."""
    for title, (heads, *lines) in list(tables_in(PAGE.read_text()).items())[1:]:
        for column, what in enumerate(heads[1:], start=1):
            assert any(line[column] != NOT_REACHED for line in lines), (title, what)


def test_what_was_played_is_what_is_shown() -> None:
    """A line booked twice would be on the page, and would be found there."""
    played = [Played(row, Cell("1", (0,))) for row in ROWS]
    played[0].killed[POINTS[0]] = Cell("1 to 2", (0,))
    shown = tables_in(text_of(played))[POINTS[0].step][1][1]
    assert shown == "**1 to 2**, exit 0"
    assert not ONCE.fullmatch(shown)
