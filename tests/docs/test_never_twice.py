"""The page on how it never settles twice names what is killed in a real Airflow."""

from __future__ import annotations

import re
from pathlib import Path

from support.killed_cells import AT_THE_GATE, CELLS

PAGE = Path(__file__).parents[2] / "docs" / "never-twice.md"


def test_the_page_names_these_cells() -> None:
    """No cell is missing in the table, and no other is there."""
    section = PAGE.read_text().split("## Killed in a real Airflow\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`.+`) \| (.+) \| (.+) \|$", section, flags=re.MULTILINE)
    assert rows == [cell.row for cell in [*CELLS, AT_THE_GATE]]
