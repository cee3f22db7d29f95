"""One deadline over a whole HTTP exchange.

The timeouts of requests start anew with every byte that arrives: an answer that drips in would
never time out. Here a timer shuts the socket down instead, whatever the exchange is waiting for.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool


class Deadline:
    """Shuts the watched sockets down after `seconds`; `expired` says that it has."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._sockets: list[object] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, opened: object) -> None:
        """Shut this socket down too when the time is over, or now if it is.

        The socket itself: an answer without a length takes it away from its connection.
        """
        self._sockets.append(opened)
        if self.expired:
            self._cut()

    def _cut(self) -> None:
        self.expired = True
        for each in self._sockets:
            if isinstance(each, socket.socket):
                with suppress(OSError):  # closed already
                    # of the plain class: SSLSocket's own would pull its state from under a reader
                    socket.socket.shutdown(each, socket.SHUT_RDWR)


class DeadlineAdapter(HTTPAdapter):
    """Opens connections whose sockets end at the deadline. Never retries."""

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
    """That class of urllib3, the sockets of its connections watched."""

    class Watched(connection_class):  # type: ignore[misc]
        def _new_conn(self) -> Any:
            plain = super()._new_conn()
            deadline.watch(plain)  # for the handshake
            return plain

        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)  # with TLS, another object over the same connection

    return Watched
