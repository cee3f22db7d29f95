"""docs/change-it.md sends nobody to a place that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "change-it.md").read_text("utf-8")
PLACES = sorted(set(re.findall(r"`((?:include|tests|plugins|dags)/[^`]+)`", PAGE)))
NAMES = {
    "include/settlement/ledger/install/roles.py": "CHANGES",
    "include/settlement/watch/finding.py": "class Kind",
    "include/settlement/watch/checks.py": "CHECKS",
    "include/settlement/errors/base.py": "next_step",
}


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_there(place: str) -> None:
    """A file or a folder of the repository."""
    assert (ROOT / place).exists()


@pytest.mark.parametrize(("place", "name"), NAMES.items())
def test_what_it_says_to_extend_is_in_that_file(place: str, name: str) -> None:
    """Under the name that the page uses."""
    assert place in PLACES
    assert name in (ROOT / place).read_text("utf-8")


def test_only_one_place_compares_a_version_of_the_api() -> None:
    """A third version is one entry: nothing but the partner file's table knows the names."""
    sources = [*(ROOT / "include" / "settlement").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    comparing = [
        path.name for path in sources if re.search(r'[!=]= "v[12]"|"v[12]" [!=]=', path.read_text())
    ]
    assert comparing == []
