"""The way to the sandbox: moments around every exchange, write-ahead checked at every request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from partner_sandbox.core import Sandbox
from settlement.partner_api import Answer
from simulation.moments import Moment, Moments
from support.in_process import SandboxApi


class WatchedApi:
    """The sandbox behind the domain's PartnerApi; the process may die around each exchange."""

    base_url = SandboxApi.base_url

    def __init__(
        self,
        sandbox: Sandbox,
        moments: Moments,
        on_settlement_request: Callable[[bytes], None],
        pass_time: Callable[[], None],
    ) -> None:
        self._inner = SandboxApi(sandbox)
        self._moments = moments
        self._on_settlement_request = on_settlement_request
        self._pass_time = pass_time
        self.requests = 0

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Answer:
        """One exchange with the sandbox."""
        self._moments.reach(Moment.BEFORE_SEND)
        if method == "POST" and path.endswith("/partners/settlements"):
            self.requests += 1
            self._on_settlement_request(body or b"")
        self._pass_time()
        try:
            return self._inner.exchange(method, path, query=query, body=body)
        finally:
            self._moments.reach(Moment.AFTER_ANSWER)
