"""The documented configuration is the one that the code reads."""

from __future__ import annotations

import re
from pathlib import Path

from settlement.config.limits import Approval, Limits
from settlement.config.partner_file import PartnerFile

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def keys_of(section: str) -> list[str]:
    """First column of the table of a section."""
    text = PAGE.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def test_every_key_of_a_partner_file_is_documented_and_exists() -> None:
    """No key is missing on either side; the name comes from the file's name."""
    assert keys_of("Partner file") == [each for each in PartnerFile.model_fields if each != "name"]


def test_every_key_of_limits_and_approval_is_documented_and_exists() -> None:
    """Both tables of the partner file, too."""
    assert keys_of("Limits of a partner (`[limits]`)") == list(Limits.model_fields)
    assert keys_of("Approval of a date (`[approval]`)") == list(Approval.model_fields)


def test_documented_defaults_of_the_airflow_connections_are_the_real_ones() -> None:
    """The ids in the table are what a partner file uses if it names no other."""
    fields = PartnerFile.model_fields
    defaults = [field.default for name, field in fields.items() if name.endswith("_conn_id")]
    assert keys_of("Airflow connections") == defaults
