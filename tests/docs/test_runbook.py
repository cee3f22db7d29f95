"""The runbook has a section for every state and every error that on-call can meet, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from settlement.errors import SettlementError
from settlement.slot.state import State
from settlement.steps.verify import CAUSES_FIRST
from support.an_error import error_of

RUNBOOK = Path(__file__).parents[2] / "include" / "runbooks" / "partner_settlement.md"


def error_classes(root: type[SettlementError]) -> Iterator[type[SettlementError]]:
    """The class and everything below it."""
    yield root
    for below in root.__subclasses__():
        yield from error_classes(below)


def sections() -> list[str]:
    """Names of the runbook's sections."""
    return re.findall(r"^### ([a-z-]+)$", RUNBOOK.read_text(), flags=re.MULTILINE)


def test_every_state_and_error_has_its_section_and_every_section_is_needed() -> None:
    """Nothing is missing on either side."""
    needed = {state.value for state in State} | {
        error.runbook for error in error_classes(SettlementError)
    }
    assert set(sections()) == needed


def test_no_section_comes_twice() -> None:
    """A link leads to one place."""
    assert len(sections()) == len(set(sections()))


def test_the_gate_names_only_sections_that_exist() -> None:
    """What verify_settled prints can be found."""
    assert {state.value for state in CAUSES_FIRST} <= set(sections())


def test_every_section_says_what_it_means_for_the_money_or_what_to_do() -> None:
    """A section that does not help at 3 a.m. is not one."""
    texts = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    assert [text.split("\n", 1)[0] for text in texts if "**Do:**" not in text] == []


def test_every_error_text_ends_in_its_section() -> None:
    """The anchor travels with the message."""
    for error in error_classes(SettlementError):
        assert str(error_of(error)).endswith(f"[runbook: {error.runbook}]")
