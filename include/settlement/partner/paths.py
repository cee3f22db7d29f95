"""Paths of the network API (partner API, section 2)."""

from __future__ import annotations

from urllib.parse import quote

from settlement.config.partner_file import PartnerFile


def enterprise_path(partner: PartnerFile, version: str = "v1") -> str:
    """Path of the partner's enterprise in the network API.

    Only settlements are posted to version 2; everything else has one version (section 7).
    """
    return f"/api/network/{version}/enterprises/{quote(partner.enterprise_id, safe='')}"


def settlements_path(partner: PartnerFile) -> str:
    """Where the partner's settlements are posted: version 2 if its clients may dispute them."""
    return f"{enterprise_path(partner, partner.api_version)}/partners/settlements"
