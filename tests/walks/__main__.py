"""Play the walks of on-call: `python -m walks`, or `make walks`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error as BrowserError

from support.browser import Browser, browsing
from walks.page import PAGE, PICTURES, text_of
from walks.person import Person
from walks.registry import WALKS
from walks.scene import Scene, scene
from walks.walk import Played, Walk


def main() -> int:
    """Play them; 1 if one did not come to its end, or took too many clicks or too long."""
    parser = argparse.ArgumentParser(prog="walks", description=__doc__)
    names = [each.name for each in WALKS]
    parser.add_argument("--only", action="append", choices=names, help="this one; repeatable")
    parser.add_argument("--write", action="store_true", help="keep what was seen in docs/")
    asked = parser.parse_args()
    chosen = [each for each in WALKS if not asked.only or each.name in asked.only]
    with _place(write=asked.write) as (place, browser, pictures):
        played = [each for walk in chosen if (each := _play(walk, place, browser, pictures))]
    if asked.write:
        page = PAGE.read_text("utf-8") if PAGE.exists() else ""
        PAGE.write_text(text_of(played, page), "utf-8")
    return 1 if len(played) < len(chosen) or any(each.misses() for each in played) else 0


@contextmanager
def _place(*, write: bool) -> Iterator[tuple[Scene, Browser, Path]]:
    with tempfile.TemporaryDirectory(prefix="walk") as folder:
        pictures = PICTURES if write else Path(folder) / "pictures"
        pictures.mkdir(exist_ok=True)
        with scene(Path(folder) / "place") as place, browsing(place.site.url) as browser:
            yield place, browser, pictures


def _play(walk: Walk, place: Scene, browser: Browser, pictures: Path) -> Played | None:
    person = Person(browser, name=walk.name, pictures=pictures)
    try:
        walk.play(place, person)
    except (AssertionError, BrowserError) as problem:
        _tell(walk.name, [f"{type(problem).__name__}: {problem}", *person.steps])
        return None
    finally:
        place.no_more_faults()
    played = Played(walk, person)
    clicks = ", ".join(str(each.clicks) for each in person.everybody)
    fine = f"{person.risk_read_after_s:.1f} s, {clicks} clicks, {person.ended_after_s:.0f} s"
    _tell(walk.name, [fine, *played.misses()])
    return played


def _tell(name: str, said: Sequence[str]) -> None:
    sys.stdout.write("\n  ".join([f"{name}: {said[0]}", *said[1:]]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
