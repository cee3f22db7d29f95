"""What the README tells a newcomer to type exists, and what it shows is what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from settlement_airflow.cli.app import app
from settlement_airflow.demo import story

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNBOOKS = sorted((ROOT / "include" / "runbooks").glob("*.md"))


def commands_in(text: str) -> set[str]:
    """First words after `settlement` wherever a command is shown."""
    return set(re.findall(r"(?:`|\$ |bin/|^    )settlement ([a-z-]+)", text, flags=re.MULTILINE))


def test_every_make_target_that_is_named_exists() -> None:
    """No `make something` that make does not know."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text())) <= targets


@pytest.mark.parametrize("page", [*PAGES, *RUNBOOKS], ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    """No `settlement something` that the command does not know."""
    assert commands_in(page.read_text()) <= set(get_command(app).commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links point at files that exist."""
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_the_story_in_the_readme_is_the_one_that_is_told() -> None:
    """The chapters shown are the chapters of `make demo`."""
    told = re.findall(r'"(\d\. [^"]+)"', Path(story.__file__).read_text())
    assert re.findall(r"^(\d\. .+)$", README.split("$ make demo")[1].split("```")[0], re.M) == told


def test_the_last_line_in_the_readme_is_the_last_line_of_the_demo() -> None:
    """`settled: N of N positions, difference 0`."""
    shown = README.split("$ make demo")[1].split("```")[0].strip().splitlines()[-1]
    assert re.fullmatch(r"settled: (\d+) of \1 positions, difference 0", shown)
    assert (
        'f"settled: {settled} of {total} positions, difference {left}"'
        in Path(story.__file__).read_text()
    )
