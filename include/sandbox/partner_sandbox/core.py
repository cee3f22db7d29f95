"""The sandbox: from request to answer, over a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from partner_sandbox import dispute_reads, reads, signed_request, spoiling, staging, submit
from partner_sandbox.access import admit
from partner_sandbox.exchange import Exchange
from partner_sandbox.faults import Fault, FaultKind, FaultPlan, Route
from partner_sandbox.messages import ConnectionDropped, Refusal, Request, Response
from partner_sandbox.operations import Operations
from partner_sandbox.rate_limit import RateLimit
from partner_sandbox.routing import external_ids, target_of
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import World

_SUBMIT = {1: submit.submit, 2: staging.stage}
_HANDLERS: dict[Route, Callable[[Exchange, Request], Response]] = {
    Route.PAYLOAD: signed_request.issue_payload,
    Route.SUBMIT: lambda exchange, request: _SUBMIT[exchange.version](exchange, request),
    Route.LIST: reads.list_settlements,
    Route.GET: reads.get_settlement,
    Route.DISPUTES: dispute_reads.list_disputes,
    Route.CONNECTIONS: reads.list_connections,
    Route.CONNECTION: reads.get_connection,
    Route.BALANCES: reads.list_balances,
    Route.PARTNERS: reads.list_partners,
    Route.CURRENCIES: reads.list_currencies,
}


class Sandbox(Operations):
    """A stand-in for the partner API: no sockets, no clock of its own, no chance but a seeded one.

    `clock` returns aware datetimes. `settings`, `world` and `faults` may be changed between
    requests. Safe to call from several threads; requests are worked on one at a time.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        settings: Settings,
        world: World,
    ) -> None:
        super().__init__(store, clock, settings, world)
        self.faults = FaultPlan()
        self._rate_limit = RateLimit()
        self._under_way: list[tuple[int, Request]] = []

    def handle(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionDropped: a fault closes the connection without an answer.

        """
        with self._lock:
            now = self._catch_up()
            self._let_late_requests_arrive(now)
            fault = self._draw_fault(request)
            if fault is None:
                return self._process(request, now)
            early = spoiling.answer_before(fault)
            if early is not None:
                return early
            if fault.fault is FaultKind.LATE:
                self._under_way.append((fault.calls, request))
            if fault.fault in (FaultKind.DROP_BEFORE, FaultKind.LATE):
                raise ConnectionDropped(booked=False)
            booked_before = self._store.booking_count()
            answer = self._process(request, now, fault)
            if fault.fault is FaultKind.DROP_AFTER:
                raise ConnectionDropped(booked=self._store.booking_count() > booked_before)
            return spoiling.answer_after(fault, answer)

    def deliver_late(self) -> None:
        """Let every request that is still under way arrive now."""
        with self._lock:
            now = self._catch_up()
            arriving, self._under_way = self._under_way, []
            for _, request in arriving:
                self._process(request, now)

    def _process(self, request: Request, now: datetime, fault: Fault | None = None) -> Response:
        with self._store.transaction():
            try:
                _require_size(request, self.settings.max_body_bytes)
                target = target_of(request.method, request.path)
                partner, token = admit(
                    request, target.enterprise_id, target.scopes, self.world, self.settings
                )
                per_minute = self.settings.requests_per_minute
                if wait := self._rate_limit.wait(token.user_id, now, per_minute):
                    return spoiling.rate_limited(wait)
                exchange = Exchange(
                    self._store,
                    self.settings,
                    partner,
                    token.user_id,
                    now,
                    target.version,
                    target.item,
                    fault,
                )
                return _HANDLERS[target.route](exchange, request)
            except Refusal as refusal:
                return refusal.response()

    def _draw_fault(self, request: Request) -> Fault | None:
        if self.faults.is_empty():
            return None
        try:
            target = target_of(request.method, request.path)
        except Refusal:
            return None
        names = external_ids(request)
        if target.route is Route.GET and target.item is not None:
            settlement = self._store.settlement(target.item)
            names = [] if settlement is None else [settlement.external_id]
        return self.faults.draw(target.route, names)

    def _let_late_requests_arrive(self, now: datetime) -> None:
        waiting = [(calls - 1, request) for calls, request in self._under_way]
        self._under_way = [entry for entry in waiting if entry[0] > 0]
        for calls, request in waiting:
            if calls <= 0:
                self._process(request, now)


def _require_size(request: Request, max_bytes: int) -> None:
    if len(request.body) > max_bytes:
        raise Refusal(413, f"the body exceeds {max_bytes} bytes")
