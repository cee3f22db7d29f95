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
    """Shuts the watched sockets down after `seconds`; `expired` says that it has.

    `connected`: a connection was opened to its end, TLS included; nothing is sent before that.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self.connected = False
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for each in self._watched:
            each.close()

    def watch(self, opened: socket.socket) -> None:
        """Shut this socket down when the time is over, or now if it is.

        A duplicate is kept: TLS and an answer without a length both take the socket away from
        whoever opened it.
        """
        self._watched.append(opened.dup())
        if self.expired:
            self._cut()

    def _cut(self) -> None:
        self.expired = True
        for each in self._watched:
            with suppress(OSError):  # the other side was faster
                each.shutdown(socket.SHUT_RDWR)


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
        def connect(self) -> None:
            super().connect()
            deadline.connected = True

        def _new_conn(self) -> Any:
            opened = super()._new_conn()
            deadline.watch(opened)
            return opened

    return Watched
