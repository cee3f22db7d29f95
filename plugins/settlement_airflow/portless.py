"""Airflow's *Test connection*, for Airflow connections without a port.

The UI of Airflow 3.3.2 sends port 0 for "no port", its API takes that for another destination and
refuses to use the stored password there: the button answers "Bad Request" for every Airflow
connection without a port, ours among them. Later versions compare 0 and nothing as equal
(apache/airflow#73298); then this goes.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

TEST_PATH = "/api/v2/connections/test"


class PortlessTests:
    """Middleware of the api-server: in a test of an Airflow connection, port 0 means no port."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand a request on; of one to the test path the body is rewritten."""
        if scope["type"] != "http" or not scope["path"].endswith(TEST_PATH):
            await self._app(scope, receive, send)
            return
        body = without_port_zero(await _body(receive))
        headers = [each for each in scope["headers"] if each[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_rewritten() -> Message:
            return unread.pop() if unread else await receive()

        await self._app({**scope, "headers": headers}, receive_rewritten, send)


def without_port_zero(body: bytes) -> bytes:
    """The body with its port 0 replaced by none; any other body as it is."""
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if isinstance(content, dict) and content.get("port") == 0:
        return json.dumps({**content, "port": None}).encode()
    return body


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
