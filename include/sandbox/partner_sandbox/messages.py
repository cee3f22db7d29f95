"""What goes in and out of the sandbox: requests, responses, refusals and dropped connections."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `path` and `query` are already percent-decoded."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Value of a header, its name in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer, and how slowly whoever owns the socket has to send it.

    `delay_seconds` is the wait before the first byte; `drip_seconds` is the time over which
    the body is sent byte by byte. Both are for the owner of the socket: the core never waits.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay_seconds: float = 0
    drip_seconds: float = 0


class ConnectionDropped(Exception):  # noqa: N818 (an outcome that callers expect, not a mistake)
    """The connection is closed without an answer; `booked` tells whether money moved."""

    def __init__(self, *, booked: bool) -> None:
        super().__init__(f"connection dropped, {'booked' if booked else 'nothing booked'}")
        self.booked = booked


class Refusal(Exception):  # noqa: N818 (an answer of the API, not a mistake of the sandbox)
    """An `{"error": ...}` answer of the partner API (partner API, section 8, Errors)."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the refusal as an answer."""
        return json_response(self.status, {"error": self.message}, self.headers)


def json_response(
    status: int, content: object, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with a JSON body in ASCII."""
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    return Response(status, {"Content-Type": JSON_TYPE, **(headers or {})}, body)
