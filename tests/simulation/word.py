"""What the partner has said about each externalId, heard on the way between domain and sandbox."""

from __future__ import annotations

import json
from typing import Any

from settlement.partner.exchange import Answer
from simulation.broken import require
from simulation.partner import Exchange, is_settlement_request

A_NO = {400, 403, 404, 413, 422}
UNAUTHORISED = 401
OK = 200


class Word:
    """The evidence for a refusal: a no, and then look-ups that work and find nothing."""

    def __init__(self) -> None:
        self._missing: dict[str, int] = {}
        """Empty look-ups that are still needed after a no; no entry: there was none."""
        self._requests: dict[str, bytes] = {}

    def asked(self, exchange: Exchange) -> None:
        """A request is on its way: what was said about other bytes no longer counts."""
        if is_settlement_request(exchange):
            request = exchange[3] or b""
            external_id = json.loads(request)["externalId"]
            if self._requests.get(external_id) != request:
                self._missing.pop(external_id, None)
                self._requests[external_id] = request

    def heard(self, exchange: Exchange, answer: Answer) -> None:
        """An answer has reached the process that asked."""
        method, path, query, body = exchange
        content = _object(answer.content)
        if method == "POST" and answer.status in A_NO | {UNAUTHORISED}:
            if content.get("settlement") is None:
                self._no(json.loads(body or b"")["externalId"], answer.status)
        elif method == "GET" and path.endswith("/partners/settlements"):
            self._looked_up(dict(query), answer.status, content)

    def refused(self, external_id: str) -> None:
        """The ledger says that a slot is refused, which it was not before."""
        missing = self._missing.get(external_id)
        require(missing is not None, f"{external_id} is refused, but the partner never said no")
        require(
            missing is not None and missing <= 0,
            f"{external_id} is refused, but {missing} look-up(s) that find nothing are missing",
        )

    def _no(self, external_id: str, status: int) -> None:
        needed = 2 if status == UNAUTHORISED else 1
        self._missing[external_id] = min(needed, self._missing.get(external_id, needed))

    def _looked_up(self, query: dict[str, str], status: int, content: dict[str, Any]) -> None:
        external_id = query.get("externalIds")
        first = query.get("pageNumber") == "0"
        found_nothing = status == OK and content.get("settlements") == []
        if external_id in self._missing and first and found_nothing:
            self._missing[external_id] -= 1


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
