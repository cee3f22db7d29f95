"""What the platform must host is said wherever somebody prepares for disputes."""

from __future__ import annotations

import re
from pathlib import Path

from settlement.doctor.partner import FINALIZE

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_and_the_doctor_say_the_same_about_what_bitgo_calls() -> None:
    """Finalize is the platform's to host, needed by nothing here, and one point is open."""
    section = (DOCS / "disputes.md").read_text().split("## What BitGo calls at the platform", 1)[1]
    section = section.split("\n## ", 1)[0]
    for text in (section, (DOCS / "go-live.md").read_text(), FINALIZE):
        plain = re.sub(r"[*`\s]+", " ", text)
        assert "finalize" in plain
        assert re.search(r"host(s)? none", plain)
        assert re.search(r"evidence", plain)
        assert re.search(r"if nobody answers", plain)
        assert re.search(r"allocations", plain)
    assert "disputes.md#what-bitgo-calls-at-the-platform" in (DOCS / "go-live.md").read_text()
