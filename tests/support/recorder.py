"""What reaches the partner, request by request."""

from __future__ import annotations

import json
from collections.abc import Sequence

from settlement.partner.exchange import Answer, PartnerApi


class Recorder:
    """A partner API that notes every request before it passes it on."""

    def __init__(self, api: PartnerApi) -> None:
        self.api = api
        self.requests: list[tuple[str, str, bytes]] = []

    @property
    def base_url(self) -> str:
        """That of the API behind."""
        return self.api.base_url

    @property
    def settlements(self) -> list[str]:
        """ExternalIds of all requests that could have moved money, in order."""
        return [
            json.loads(body)["externalId"]
            for method, path, body in self.requests
            if method == "POST" and path.endswith("/partners/settlements")
        ]

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """Note the request, pass it on."""
        self.requests.append((method, path, content or b""))
        return self.api.exchange(method, path, query=query, content=content)
