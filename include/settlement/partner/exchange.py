"""How the domain talks to the partner API: one exchange at a time, over any transport.

What is known of it is in docs/partner-api.md, which is cited by section number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

Query = Sequence[tuple[str, str]]


class ExchangeKind(StrEnum):
    """What an exchange of a run is about; under these names attempts are stored."""

    PAYLOAD = "payload"
    SUBMIT = "submit"
    LOOK_UP = "look-up"
    LISTING = "listing"
    CONNECTIONS = "connections"
    BALANCES = "balances"
    DISPUTES = "disputes"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete HTTP answer. Header names are lower case."""

    status: int
    content: bytes
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
        query: Query = (),
        content: bytes | None = None,
    ) -> Answer:
        """Send exactly `content` to `path` and return the answer, whatever its status.

        :raises TransportError: if no complete answer arrived
        :raises UntrustedHostError: if TLS ended before a byte of the request could leave
        """
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """One GET, with what it is about; `external_id`: the slot that is looked up, if it is one."""

    kind: ExchangeKind
    path: str
    query: Query = ()
    external_id: str | None = None


class Exchange(Protocol):
    """A read on its way to the partner: recorded in a ledger, or by nobody."""

    def __call__(self, read: Read) -> Answer:
        """Ask, and return the answer, whatever its status.

        :raises TransportError, UntrustedHostError: as `PartnerApi.exchange` does
        """
        ...


def unrecorded(api: PartnerApi) -> Exchange:
    """Reads that leave nothing behind: for whoever looks and may not write."""
    return lambda read: api.exchange("GET", read.path, query=read.query)
