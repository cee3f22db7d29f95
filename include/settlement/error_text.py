"""What on-call reads of an error: short lines, in the order in which they are needed.

What happened, whether money is at risk, the next step, the section of the runbook.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from settlement.errors import SettlementError

WIDTH = 82
"""Characters of an exception that Airflow's log shows at 1,300 pixels; it wraps no line."""
NAME_OF_EXCEPTION = 25
"""Airflow puts the class in front of the first line; this is the longest, with a colon."""
_BETWEEN_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z`])")
_ENTRY = "- "


def error_text(error: SettlementError, money: Sequence[str], next_step: str) -> str:
    """The text of a failed task.

    :param money: what is at risk, a line each, as `MoneyAtRisk.lines` gives it
    """
    most_at_risk, *also = money
    paragraphs = [
        *_sentences(" " * NAME_OF_EXCEPTION + error.what),
        f"Money at risk: {most_at_risk}",
        *(f"{_ENTRY}{each}" for each in also),
        f"Next: {next_step}",
        f"Runbook (docs of settle_*): [runbook: {error.runbook}]",
    ]
    return "\n".join(line for each in paragraphs for line in _wrapped(each)).lstrip()


def _sentences(text: str) -> Iterator[str]:
    """A paragraph each; the entries of a list stay as they are."""
    for line in text.splitlines():
        if line.startswith(_ENTRY):
            yield line
        else:
            yield from _BETWEEN_SENTENCES.split(line)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
