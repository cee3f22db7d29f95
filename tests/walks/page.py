"""docs/on-call.md: a section for each walk, in the words that were clicked and read."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from walks.registry import WALKS
from walks.walk import MOST_CLICKS, MOST_SECONDS, Played

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "on-call.md"
PICTURES = DOCS / "pictures"
WIDTH = 118
INTRODUCTION = f"""\
# On call

What to do, from the place where you start: the link in an alert, Airflow's *Home*, or its list of
*Dags*. Nothing here needs a shell, a query, or knowledge of the code. Amounts, dates and ids are
those of the made-up partner `demo`: where a step names one, take yours.

`make walks WRITE=1` plays every walk in a real Airflow and a real browser, and writes this page
from what was clicked and read there. *Read after* is how long it took until the sentence about the
money stood on the screen, from the moment the first page was asked for: at most {MOST_SECONDS} s.
Clicks are counted until the date is settled, or as far as it can be: at most {MOST_CLICKS} for
each person. The rest of the time is the runs' own.

"""


def text_of(played: Sequence[Played], page: str) -> str:
    """The page: sections of walks that were played now, and of the others as they were."""
    sections = dict(_sections(page)) | {each.walk.title: _section(each) for each in played}
    intro = "\n\n".join(_wrapped(each) for each in INTRODUCTION.split("\n\n"))
    titles = [each.title for each in WALKS if each.title in sections]
    return intro + "\n" + "\n".join(sections[each].strip("\n") + "\n" for each in titles)


def _sections(page: str) -> Iterator[tuple[str, str]]:
    for section in re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]:
        yield section.partition("\n")[0].removeprefix("## "), section


def _section(played: Played) -> str:
    walk, person = played.walk, played.person
    clicks = " and ".join(str(each.clicks) for each in person.everybody)
    facts = (
        f"*Read after {person.risk_read_after_s:.1f} s, {clicks} clicks, at its end after "
        f"{person.ended_after_s:.0f} s. {datetime.now(UTC):%Y-%m-%d}.*"
    )
    steps = [f"{number}. {step}" for number, step in enumerate(person.steps, start=1)]
    paragraphs = [
        f"**What has happened.** {walk.happened}",
        f"**You start** at {person.start}.",
        f"**You read:** “{person.risk}”",
        "**You do:**",
    ]
    lines = [f"## {walk.title}", ""]
    for each in paragraphs:
        lines += [_wrapped(each), ""]
    lines += [_wrapped(each, "   ") for each in steps]
    lines += ["", _wrapped(f"**It ends** with: “{person.end}”"), "", _wrapped(facts), ""]
    return "\n".join([*lines, *(f"{each}\n" for each in person.shown)])


def _wrapped(text: str, indent: str = "") -> str:
    if text.startswith("#"):
        return text
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
