"""How the domain talks to the partner API: one exchange at a time, over any transport.

What is known of it is in docs/partner-api.md, which is cited by section number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete HTTP answer. Header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class TransportError(Exception):
    """No complete answer: refused, reset, timed out, cut short. Proves nothing about the request.

    The text must hold neither headers nor credentials: it is stored in the ledger.
    """


class PartnerApi(Protocol):
    """One authenticated exchange with the partner API."""

    @property
    def base_url(self) -> str:
        """Scheme, host and port, without a trailing slash."""
        ...

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Answer:
        """Send exactly `body` to `path` and return the answer, whatever its status.

        :raises TransportError: if no complete answer arrived
        :raises UntrustedHostError: if TLS ended before a byte of the request could leave
        """
        ...
