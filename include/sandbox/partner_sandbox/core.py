"""The sandbox: a pure function from request to answer over a store."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from partner_sandbox import reads, spoiling, submit
from partner_sandbox.access import admit
from partner_sandbox.booking import Accounts
from partner_sandbox.exchange import Exchange
from partner_sandbox.faults import Fault, FaultKind, FaultPlan, Route
from partner_sandbox.messages import ConnectionDropped, Refusal, Request, Response
from partner_sandbox.records import Booking, Settlement
from partner_sandbox.routing import target_of
from partner_sandbox.settings import Settings
from partner_sandbox.settlement_body import AskedTransfer, properties_of
from partner_sandbox.store import Store
from partner_sandbox.world import Partner, World

_HANDLERS: dict[Route, Callable[[Exchange, Request], Response]] = {
    Route.PAYLOAD: submit.issue_payload,
    Route.SUBMIT: submit.submit,
    Route.LIST: reads.list_settlements,
    Route.GET: reads.get_settlement,
    Route.CONNECTIONS: reads.list_connections,
    Route.CONNECTION: reads.get_connection,
    Route.BALANCES: reads.list_balances,
    Route.PARTNERS: reads.list_partners,
    Route.CURRENCIES: reads.list_currencies,
}


class Sandbox:
    """A stand-in for the partner API: no sockets, no clock of its own, nothing random.

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
        self.settings = settings
        self.world = world
        self.faults = FaultPlan()
        self._store = store
        self._clock = clock
        self._lock = threading.RLock()
        self._under_way: list[tuple[int, Request]] = []

    def handle(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionDropped: a fault closes the connection without an answer.

        """
        with self._lock:
            self._let_late_requests_arrive()
            fault = self._draw_fault(request)
            if fault is None:
                return self._process(request, None)
            early = spoiling.answer_before(fault)
            if early is not None:
                return early
            if fault.fault is FaultKind.LATE:
                self._under_way.append((fault.calls, request))
            if fault.fault in (FaultKind.DROP_BEFORE, FaultKind.LATE):
                raise ConnectionDropped(booked=False)
            booked_before = self._store.booking_count()
            answer = self._process(request, fault)
            if fault.fault is FaultKind.DROP_AFTER:
                raise ConnectionDropped(booked=self._store.booking_count() > booked_before)
            return spoiling.answer_after(fault, answer)

    def deliver_late(self) -> None:
        """Let every request that is still under way arrive now."""
        with self._lock:
            arriving, self._under_way = self._under_way, []
            for _, request in arriving:
                self._process(request, None)

    def bookings(self, after: int = 0) -> list[Booking]:
        """Every movement that was booked, in order, the first `after` of them left out."""
        return self._store.bookings(after)

    def booked_positions(self) -> dict[tuple[str, str], int]:
        """Sum of what was booked per connection and currency, zeros left out."""
        sums: dict[tuple[str, str], int] = {}
        for booking in self.bookings():
            key = (booking.connection_id, booking.currency)
            sums[key] = sums.get(key, 0) + booking.amount
        return {key: amount for key, amount in sums.items() if amount}

    def settlements(self) -> list[Settlement]:
        """Every settlement, oldest first, shown to look-ups or not."""
        return self._store.all_settlements()

    def fund(
        self, currency: str, amount: int, account: str | None = None, partner: str | None = None
    ) -> int:
        """Add to a connection's allocation or, without one, to the partner's own account.

        A negative amount takes away. Returns the new balance in base units.

        Raises:
            LookupError: no such partner, connection or currency.
            ValueError: the balance would be negative.

        """
        with self._lock, self._store.transaction():
            owner = self.world.partner(partner)
            _require_known(owner, currency, account)
            accounts = Accounts(self._store, owner)
            name = accounts.own if account is None else account
            if accounts.available(name, currency) + amount < 0:
                raise ValueError(f"the {currency} balance of {name} would be negative")
            return accounts.add(name, currency, amount)

    def book_foreign(
        self,
        external_id: str,
        lines: Iterable[tuple[str, str, int]],
        partner: str | None = None,
    ) -> Settlement:
        """Book a settlement of form 1 that somebody else posted, whatever the balances say.

        `lines` are connection, currency and amount in base units.

        Raises:
            LookupError: no such partner, connection or currency.
            ValueError: the externalId is taken, or there are no lines or an amount of zero.

        """
        with self._lock, self._store.transaction():
            owner = self.world.partner(partner)
            transfers = sorted(AskedTransfer(None, *line) for line in lines)
            if not transfers or any(transfer.quantity == 0 for transfer in transfers):
                raise ValueError("a foreign settlement needs lines, none of them zero")
            for transfer in transfers:
                _require_known(owner, transfer.currency, transfer.destination)
            if self._store.settlement_under(owner.id, external_id) is not None:
                raise ValueError(f"a settlement {external_id} already exists")
            exchange = Exchange(self._store, self.settings, owner, "somebody-else", self._clock())
            return submit.book_foreign(
                exchange, external_id, transfers, properties_of(1, transfers)
            )

    def _process(self, request: Request, fault: Fault | None) -> Response:
        with self._store.transaction():
            try:
                _require_size(request, self.settings.max_body_bytes)
                target = target_of(request.method, request.path)
                partner, token = admit(
                    request, target.enterprise_id, target.scopes, self.world, self.settings
                )
                exchange = Exchange(
                    self._store,
                    self.settings,
                    partner,
                    token.user_id,
                    self._clock(),
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
        external_ids = _external_ids(request)
        if target.route is Route.GET and target.item is not None:
            settlement = self._store.settlement(target.item)
            external_ids = [] if settlement is None else [settlement.external_id]
        return self.faults.draw(target.route, external_ids)

    def _let_late_requests_arrive(self) -> None:
        waiting = [(calls - 1, request) for calls, request in self._under_way]
        self._under_way = [entry for entry in waiting if entry[0] > 0]
        for calls, request in waiting:
            if calls <= 0:
                self._process(request, None)


def _external_ids(request: Request) -> list[str]:
    """Return the externalIds in the query or body, as far as they can be read."""
    named = [text for key, text in request.query if key == "externalIds"]
    if request.body:
        try:
            content = json.loads(request.body)
        except ValueError:
            return named
        external_id = content.get("externalId") if isinstance(content, dict) else None
        if isinstance(external_id, str):
            named.append(external_id)
    return [part for text in named for part in (text, *text.split(","))]


def _require_size(request: Request, max_bytes: int) -> None:
    if len(request.body) > max_bytes:
        raise Refusal(413, f"the body exceeds {max_bytes} bytes")


def _require_known(partner: Partner, currency: str, connection_id: str | None) -> None:
    if currency not in partner.currencies:
        raise LookupError(f"partner {partner.name} has no currency {currency}")
    if connection_id is not None and connection_id not in partner.connection_by_id:
        raise LookupError(f"partner {partner.name} has no connection {connection_id}")
