"""docs/on-call.md tells every walk, with what was measured, and shows pictures that exist."""

from __future__ import annotations

import re
from pathlib import Path

from walks.page import PAGE, PICTURES
from walks.picture import HEAVIEST
from walks.registry import WALKS
from walks.walk import MOST_CLICKS, MOST_SECONDS

TEXT = PAGE.read_text("utf-8")
MEASURED = re.compile(r"\*Read after ([\d.]+) s, (\d+(?: and \d+)?) clicks,")


def test_each_walk_has_its_section_and_no_section_is_left_over() -> None:
    """Whoever adds a walk, or gives it another name, plays it."""
    assert set(re.findall(r"^## (.+)$", TEXT, re.MULTILINE)) == {each.title for each in WALKS}


def test_each_section_says_what_it_says_and_measures() -> None:
    """Read in time, and with few clicks."""
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    for section in sections:
        (found,) = MEASURED.findall(section)
        assert float(found[0]) <= MOST_SECONDS, section
        assert all(int(clicks) <= MOST_CLICKS for clicks in found[1].split(" and ")), section


def test_pictures_are_shown_and_light() -> None:
    """None is left over from a walk that is gone."""
    shown = {Path(each).name for each in re.findall(r"\]\((pictures/[^)]+)\)", TEXT)}
    kept = {each.name: each.stat().st_size for each in PICTURES.iterdir()}
    assert set(kept) == shown
    assert max(kept.values()) <= HEAVIEST
