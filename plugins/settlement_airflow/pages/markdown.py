"""Markdown on the pages: runbooks with contents and anchors, questions with their tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from settlement_airflow.dag_parts import RUNBOOKS

NAME = re.compile(r"[a-z_]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook as HTML, and its sections: level, anchor, title."""

    html: Markup
    sections: tuple[tuple[int, str, str], ...]


def runbook_page(name: str) -> Runbook | None:
    """The runbook of this name, or None if there is none."""
    path = RUNBOOKS / f"{name}.md"
    if not NAME.fullmatch(name) or not path.is_file():
        return None
    markdown = _markdown()
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    sections = tuple(_sections(tokens))
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Runbook(Markup(html), sections)  # noqa: S704 - of our own file, and without raw HTML


def question_html(text: str) -> Markup:
    """The text of a question; what others wrote in it can be neither HTML nor a link."""
    markdown = _markdown().disable(["link", "image", "autolink"])
    return Markup(markdown.render(text))  # noqa: S704 - every other character is escaped


def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _sections(tokens: list[Token]) -> list[tuple[int, str, str]]:
    found = []
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            anchor = re.sub(r"[^a-z0-9]+", "-", inline.content.lower()).strip("-")
            heading.attrSet("id", anchor)
            found.append((int(heading.tag[1]), anchor, inline.content))
    return found
