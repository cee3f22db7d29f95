"""An HTTP protocol for uvicorn that lets the application close the connection unanswered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from uvicorn.protocols.http.h11_impl import H11Protocol

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_EXTENSION = "partner_sandbox.abort"


class DroppingProtocol(H11Protocol):
    """Uvicorn's h11 protocol; it hands the application a way to reset the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        application = self.app

        async def with_abort(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_EXTENSION] = self.transport.abort
            await application(scope, receive, send)

        self.app = with_abort


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """Close the client's connection without an answer, and wait until it is closed.

    Raises:
        RuntimeError: the application does not run behind `DroppingProtocol`.

    """
    abort = scope.get("extensions", {}).get(_EXTENSION)
    if abort is None:
        raise RuntimeError(
            "cannot drop a connection here: run uvicorn with http=DroppingProtocol, as serve() does"
        )
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass
