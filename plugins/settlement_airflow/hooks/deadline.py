"""One deadline over a whole HTTP exchange.

The timeouts of requests start anew with every byte that arrives: an answer that drips in would
never time out. Here a timer shuts the socket down instead, whatever the exchange is waiting for.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Any, Self

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool


class Deadline:
    """Shuts the watched connections down after `seconds`; `expired` says that it has."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._connections: list[HTTPConnection] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, connection: HTTPConnection) -> None:
        """Shut this connection down too when the time is over, or now if it is."""
        self._connections.append(connection)
        if self.expired:
            self._cut()

    def _cut(self) -> None:
        self.expired = True
        for connection in self._connections:
            if isinstance(connection.sock, socket.socket):
                try:
                    # of the plain class: SSLSocket's own would pull its state from under a reader
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
                except OSError:
                    continue  # closed already


class DeadlineAdapter(HTTPAdapter):
    """Opens connections that end at the deadline. Never retries."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> HTTPConnectionPool:
        """Pool of the request whose connections are watched."""
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(  # type: ignore[assignment]
            request, verify, proxies, cert
        )
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline)
        return pool


def _watched(connection_class: Any, deadline: Deadline) -> Any:
    """That class of urllib3, its connections watched from before they open."""

    class Watched(connection_class):  # type: ignore[misc]
        def connect(self) -> None:
            deadline.watch(self)
            super().connect()

    return Watched
