"""A long list in one line."""

from __future__ import annotations

import pytest

from settlement.wording import first_few


@pytest.mark.parametrize(
    ("names", "count", "said"),
    [
        ([], None, ""),
        ([1], None, "1"),
        ([1, 2, 3], None, "1; 2; 3"),
        ([1, 2, 3, 4], None, "1; 2; 3 and 1 more"),
        ([1, 2], 40, "1; 2 and 38 more"),
        ([1, 2, 3, 4], 40, "1; 2; 3 and 37 more"),
    ],
)
def test_the_first_few_and_how_many_more(names: list[int], count: int | None, said: str) -> None:
    """Whether all names are at hand or only some."""
    assert first_few(names, 3, count=count, between="; ") == said
