"""Versions of the partner API: what a partner file names, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from settlement.config import api_version
from settlement.config.api_version import FIRST, VERSIONS, version_for, version_named
from settlement.partner.paths import enterprise_path, settlements_path
from settlement.steps.build import cutoff_of
from settlement.values import Window
from support.day import demo_partner

WINDOW = Window(datetime(2026, 3, 2, 22, tzinfo=UTC), datetime(2026, 3, 3, 22, tzinfo=UTC))


def test_only_settlements_are_posted_to_a_later_version() -> None:
    """All else has one version, whatever the partner file says."""
    for text in ("v1", "v2"):
        partner = demo_partner(api_version=text)
        read = "/api/network/v1/enterprises/demo-enterprise"
        posted = f"/api/network/{text}/enterprises/demo-enterprise/partners/settlements"
        assert (enterprise_path(partner), settlements_path(partner)) == (read, posted)


def test_with_disputes_is_the_second_version() -> None:
    """As the doctor and the error of a refusal name it."""
    assert version_for(may_dispute=False) is FIRST
    assert version_for(may_dispute=True).text == "v2"


def test_a_third_version_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name and its differences; nothing else asks for names."""
    third = replace(VERSIONS["v2"], text="v3", has_cutoff_at=False)
    monkeypatch.setattr(api_version, "VERSIONS", {**VERSIONS, "v3": third})
    partner = demo_partner(api_version="v3")
    assert partner.api_version is third
    assert settlements_path(partner).startswith("/api/network/v3/")
    assert cutoff_of(partner, WINDOW, None) is None
    assert version_named("v2") is VERSIONS["v2"]


def test_the_text_is_what_files_and_the_ledger_hold() -> None:
    """Written as it is read."""
    partner = demo_partner(api_version="v2")
    assert partner.model_dump()["api_version"] == "v2"
    assert type(partner).model_validate(partner.model_dump()) == partner
