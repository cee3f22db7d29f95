"""Middleware of the api-server that rewrites the bodies of some requests, and of no others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class RewrittenBodies(ABC):
    """Hands every request on; the body of one that it concerns is rewritten before."""

    def __init__(self, app: Application) -> None:
        self._app = app

    @abstractmethod
    def concerns(self, method: str, path: str) -> bool:
        """Whether the body of such a request is rewritten."""

    @abstractmethod
    def rewritten(self, path: str, body: bytes) -> bytes:
        """The body to hand on; the same where there is nothing to change."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] != "http" or not self.concerns(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        body = self.rewritten(scope["path"], await _body(receive))
        headers = [each for each in scope["headers"] if each[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_rewritten() -> Message:
            return unread.pop() if unread else await receive()

        await self._app({**scope, "headers": headers}, receive_rewritten, send)


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
