"""The breaks of the mutation check still fit the code; trying them is `make mutation-check`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mutation.breaks import BREAKS
from mutation.definition import Break, StaleBreakError

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("each", BREAKS, ids=lambda each: each.name)
def test_a_break_fits_the_code(each: Break) -> None:
    """Its old text is there exactly once, and the broken file is still a program."""
    text = (PROJECT / each.file).read_text(encoding="utf-8")
    broken = each.applied_to(text)
    assert broken != text
    if each.file.endswith(".py"):
        compile(broken, each.file, "exec")


def test_no_two_breaks_have_one_name_or_make_the_same_mistake() -> None:
    """The table names them, and a mistake is counted once."""
    names = Counter(each.name for each in BREAKS)
    mistakes = Counter((each.file, each.old, each.new) for each in BREAKS)
    assert [each for each, count in (names + mistakes).items() if count > 1] == []


def test_a_break_whose_code_is_gone_says_so() -> None:
    """An edit of the code cannot turn a break into one that breaks nothing."""
    each = Break("example", "None.", "a.py", "old", "new")
    assert each.applied_to("an old line") == "an new line"
    for text in ("a line", "old and old"):
        with pytest.raises(StaleBreakError, match="example"):
            each.applied_to(text)
