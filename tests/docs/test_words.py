"""The page of words: what it says a word lives in exists, and no state or table lacks a word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settlement.ledger.forgotten_dates import Role
from settlement.ledger.schema import metadata
from settlement.slot.evidence import Verdict
from settlement.slot.state import State

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "include" / "settlement"
PAGE = (ROOT / "docs" / "words.md").read_text()
ENTRIES = {
    entry.split("**", 1)[0]: " ".join(entry.split())
    for entry in re.findall(r"^- \*\*(.+?)(?=\n- |\n\n|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
}
"""Each entry by its first word."""
COLUMNS = {f"{table}.{column.name}" for table, of in metadata.tables.items() for column in of.c}


def homes(entry: str) -> list[str]:
    """What an entry names after "Lives in"."""
    return re.findall(r"`([^`]+)`", entry.partition("Lives in:")[2])


def test_the_page_is_read() -> None:
    """The pattern has not lost its page."""
    assert len(ENTRIES) == len(re.findall(r"^- ", PAGE, flags=re.MULTILINE)) > 50


@pytest.mark.parametrize("word", ENTRIES)
def test_a_word_lives_in_something_that_exists(word: str) -> None:
    """A file, a table or a column of one."""
    assert homes(ENTRIES[word])
    for home in homes(ENTRIES[word]):
        is_stored = home in metadata.tables or home in COLUMNS
        assert is_stored or (DOMAIN / home).is_file() or (ROOT / home).is_file(), home


def test_every_table_of_the_ledger_has_a_word() -> None:
    """A new table is a new word."""
    named = {home.split(".")[0] for entry in ENTRIES.values() for home in homes(entry)}
    assert set(metadata.tables) <= named


def test_the_states_of_a_slot_are_those_of_the_code() -> None:
    """No state is missing, no other is there, and they come in the same order."""
    assert re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE) == [each.value for each in State]


def test_the_verdicts_are_those_of_the_code() -> None:
    """All of them, in the entry of the word."""
    said = ENTRIES["verdict"].partition("Lives in:")[0]
    assert re.findall(r"`(\w+)`", said) == [each.value for each in Verdict]


def test_the_roles_of_a_remembered_trade_are_those_of_the_code() -> None:
    """All of them are words."""
    assert {each.value for each in Role} <= set(re.findall(r"\*\*([a-z-]+)\*\*", PAGE))
