"""The way to the sandbox: moments around every exchange, and what the network does to requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from partner_sandbox.core import Sandbox
from settlement.partner.exchange import Answer, PartnerApi, TransportError
from simulation.moments import Moment, Moments
from support.in_process import SandboxApi

Exchange = tuple[str, str, Sequence[tuple[str, str]], bytes | None]


class WatchedApi:
    """The sandbox behind the domain's PartnerApi; the process may die around each exchange.

    `before` sees every request, `after` every request that was answered, with its answer.
    """

    base_url = SandboxApi.base_url

    def __init__(
        self,
        sandbox: Sandbox,
        moments: Moments,
        before: Callable[[Exchange], None],
        after: Callable[[Exchange, Answer], None],
    ) -> None:
        self._inner = SandboxApi(sandbox)
        self._moments = moments
        self._before = before
        self._after = after
        self._copies: list[tuple[int, Exchange]] = []
        self._copy_next: int | None = None
        self.requests = 0

    def plan_copy(self, later: int) -> None:
        """The network delivers the next settlement request once more, so many exchanges later."""
        self._copy_next = later

    def deliver_copies(self) -> None:
        """Every copy that is still under way arrives."""
        arriving, self._copies = self._copies, []
        for _, exchange in arriving:
            self._deliver(exchange)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """One exchange with the sandbox."""
        exchange = (method, path, query, content)
        self._moments.reach(Moment.BEFORE_SEND)
        if is_settlement_request(exchange):
            self.requests += 1
            self._maybe_copy(exchange)
        self._before(exchange)
        self._let_copies_arrive()
        try:
            answer = self._inner.exchange(method, path, query=query, content=content)
            self._after(exchange, answer)
            return answer
        finally:
            self._moments.reach(Moment.AFTER_ANSWER)

    def _maybe_copy(self, exchange: Exchange) -> None:
        if self._copy_next is not None:
            self._copies.append((self._copy_next, exchange))
            self._copy_next = None

    def _let_copies_arrive(self) -> None:
        arriving = [exchange for count, exchange in self._copies if count <= 0]
        self._copies = [(count - 1, exchange) for count, exchange in self._copies if count > 0]
        for exchange in arriving:
            self._deliver(exchange)

    def _deliver(self, exchange: Exchange) -> None:
        method, path, query, content = exchange
        try:
            self._inner.exchange(method, path, query=query, content=content)
        except TransportError:
            return  # nobody listens to the answer of a copy


def is_settlement_request(exchange: Exchange) -> bool:
    """Whether an exchange asks for money to be moved."""
    return exchange[0] == "POST" and exchange[1].endswith("/partners/settlements")


class OtherHost:
    """The same partner API under another address: staging, pointed at production."""

    base_url = "https://staging.partner.test"

    def __init__(self, api: PartnerApi) -> None:
        self.exchange = api.exchange
