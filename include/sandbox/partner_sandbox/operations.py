"""What whoever rehearses does beside requests: look at the books, fund accounts, raise disputes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from partner_sandbox import creation, finalisation
from partner_sandbox.accounts import Accounts
from partner_sandbox.disputes import Disputes
from partner_sandbox.exchange import Exchange
from partner_sandbox.records import Booking, Closer, Dispute, Event, Settlement
from partner_sandbox.settings import Settings
from partner_sandbox.settlement_body import AskedTransfer, properties_of
from partner_sandbox.store import Store
from partner_sandbox.world import World


class Operations:
    """The sandbox without its requests: no part of the partner API.

    Whatever the clock has made due is worked off first.
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
        self._store = store
        self._clock = clock
        self._lock = threading.RLock()

    def bookings(self, after: int = 0) -> list[Booking]:
        """Every movement that was booked, in order, the first `after` of them left out."""
        with self._at_one_instant():
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
        with self._at_one_instant():
            return self._store.all_settlements()

    def events(self) -> list[Event]:
        """Every call that a partner would have got: the final amounts of its settlements."""
        with self._at_one_instant():
            return self._store.events()

    def disputes(self, partner: str | None = None) -> list[Dispute]:
        """Every dispute of a partner's clients, oldest first."""
        with self._at_one_instant():
            return self._store.disputes_of(self.world.partner(partner).id)

    def raise_dispute(
        self,
        external_id: str,
        connection_id: str,
        expected_transfers: Mapping[str, int],
        reason: str | None = None,
        partner: str | None = None,
    ) -> Dispute:
        """Let a client dispute its part of a pending settlement, within the dispute window.

        `expected_transfers` are base units per currency; positive: it expects to receive.

        Raises:
            LookupError: no such partner, settlement or currency.
            ValueError: the window is over, the connection has no part in the settlement or
                disputes it already, or an amount is zero.

        """
        with self._at_one_instant() as now:
            owner = self.world.partner(partner)
            settlement = self._store.settlement_under(owner.id, external_id)
            if settlement is None:
                raise LookupError(f"partner {owner.name} has no settlement {external_id}")
            disputes = Disputes(self._store, self.settings, owner, now)
            return disputes.raise_on(settlement, connection_id, expected_transfers, reason)

    def retract_dispute(self, dispute_id: str) -> Dispute:
        """Let a client take a dispute back before its transfers are due: they run as normal.

        Raises:
            LookupError: no such dispute.
            ValueError: it is closed or retracted, or the settlement is completed or rejected.

        """
        with self._at_one_instant() as now:
            dispute, disputes = self._dispute(dispute_id, now)
            return disputes.retract(dispute)

    def close_dispute(
        self,
        dispute_id: str,
        adjusted: Mapping[str, int],
        closed_by: Closer = "client",
        *,
        reviewed: bool = False,
    ) -> Dispute:
        """Say what a client receives after all, in base units, with the next settlement.

        With `reviewed` that waits for `review_closure`; else it is approved at once.

        Raises:
            LookupError: no such dispute or currency.
            ValueError: it is closed or retracted, or an amount is zero.

        """
        with self._at_one_instant() as now:
            dispute, disputes = self._dispute(dispute_id, now)
            return disputes.close(dispute, adjusted, closed_by, reviewed=reviewed)

    def review_closure(self, dispute_id: str, *, approved: bool) -> Dispute:
        """Approve how a dispute was closed; rejected, it is open again, to be closed anew.

        Raises:
            LookupError: no such dispute.
            ValueError: no closure of it awaits a review.

        """
        with self._at_one_instant() as now:
            dispute, disputes = self._dispute(dispute_id, now)
            return disputes.review(dispute, approved=approved)

    def fund(
        self, currency: str, amount: int, account: str | None = None, partner: str | None = None
    ) -> int:
        """Add to a connection's allocation or, without one, to the partner's own account.

        A negative amount takes away. Returns the new balance in base units.

        Raises:
            LookupError: no such partner, connection or currency.
            ValueError: the balance would be negative.

        """
        with self._at_one_instant():
            owner = self.world.partner(partner)
            owner.require_known(currency, account)
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
        with self._at_one_instant() as now:
            owner = self.world.partner(partner)
            transfers = sorted(AskedTransfer(None, *line) for line in lines)
            if not transfers or any(transfer.quantity == 0 for transfer in transfers):
                raise ValueError("a foreign settlement needs lines, none of them zero")
            for transfer in transfers:
                owner.require_known(transfer.currency, transfer.destination)
            if self._store.settlement_under(owner.id, external_id) is not None:
                raise ValueError(f"a settlement {external_id} already exists")
            exchange = Exchange(self._store, self.settings, owner, "somebody-else", now)
            return creation.book_foreign(
                exchange, external_id, transfers, properties_of(1, transfers)
            )

    def _catch_up(self) -> datetime:
        """Work off what the clock has made due, and return the instant."""
        now = self._clock()
        finalisation.catch_up(self._store, self.world, self.settings, now)
        return now

    @contextmanager
    def _at_one_instant(self) -> Iterator[datetime]:
        """All or nothing of what happens inside, once what is due is worked off."""
        with self._lock:
            now = self._catch_up()
            with self._store.transaction():
                yield now

    def _dispute(self, dispute_id: str, now: datetime) -> tuple[Dispute, Disputes]:
        dispute = self._store.dispute(dispute_id)
        if dispute is None:
            raise LookupError(f"no dispute {dispute_id}")
        partner = self.world.partner_by_id[dispute.partner_id]
        return dispute, Disputes(self._store, self.settings, partner, now)
