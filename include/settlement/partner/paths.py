"""Paths of the network API (partner API, section 2)."""

from __future__ import annotations

from urllib.parse import quote

from settlement.config.api_version import FIRST, ApiVersion
from settlement.config.partner_file import PartnerFile


def path_of_enterprise(enterprise_id: str, version: ApiVersion = FIRST) -> str:
    """Path of an enterprise in the network API.

    Only settlements are posted to later versions; everything else has one version (section 7).
    """
    return f"/api/network/{version.text}/enterprises/{quote(enterprise_id, safe='')}"


def enterprise_path(partner: PartnerFile) -> str:
    """Path of the partner's enterprise, for all but posting its settlements."""
    return path_of_enterprise(partner.enterprise_id)


def settlements_path(partner: PartnerFile) -> str:
    """Where the partner's settlements are posted, by the version that its file names."""
    posted = path_of_enterprise(partner.enterprise_id, partner.api_version)
    return f"{posted}/partners/settlements"
