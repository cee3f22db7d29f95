"""Moving money: all transfers of a settlement at once, or none (partner API, section 14)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from partner_sandbox.records import Booking, Settlement, SettlementStatus, Transfer, stamp
from partner_sandbox.store import Store
from partner_sandbox.world import Partner


class Accounts:
    """Balances of one partner's own account and of what its clients allocated."""

    def __init__(self, store: Store, partner: Partner) -> None:
        self._store = store
        self._partner = partner

    @property
    def own(self) -> str:
        """Name of the partner's own account."""
        return self._partner.id

    def available(self, account: str, currency: str) -> int:
        """Balance in base units of a connection's allocation or the partner's own account."""
        stored = self._store.balance(account, currency)
        return self._partner.initial_balance(account, currency) if stored is None else stored

    def add(self, account: str, currency: str, amount: int) -> int:
        """Add to a balance, or take from it; returns the new balance."""
        available = self.available(account, currency) + amount
        self._store.set_balance(account, currency, available)
        return available

    def shortage(self, transfers: Sequence[Transfer]) -> str | None:
        """Why the transfers cannot all run, or None if they can."""
        for (account, currency), change in sorted(self._changes(transfers).items()):
            missing = -(self.available(account, currency) + change)
            if change < 0 and missing > 0:
                owner = "the partner's account" if account == self.own else f"connection {account}"
                return f"insufficient balance: {owner} lacks {missing} base units of {currency}"
        return None

    def move(self, transfers: Sequence[Transfer]) -> None:
        """Apply the transfers to the balances."""
        for (account, currency), change in self._changes(transfers).items():
            self.add(account, currency, change)

    def _changes(self, transfers: Sequence[Transfer]) -> dict[tuple[str, str], int]:
        changes: defaultdict[tuple[str, str], int] = defaultdict(int)
        for transfer in transfers:
            changes[transfer.source or self.own, transfer.currency] -= transfer.quantity
            changes[transfer.destination, transfer.currency] += transfer.quantity
        return changes


def complete(store: Store, partner: Partner, settlement: Settlement, now: datetime) -> Settlement:
    """Book a settlement if every transfer can run, else leave it failed with a reason."""
    transfers = store.transfers_of(settlement.id)
    accounts = Accounts(store, partner)
    reason = accounts.shortage(transfers)
    if reason is not None:
        return set_status(store, settlement, "failed", now, reason)
    return book(store, partner, settlement, now)


def book(store: Store, partner: Partner, settlement: Settlement, now: datetime) -> Settlement:
    """Book a settlement whether or not the balances allow it."""
    transfers = store.transfers_of(settlement.id)
    Accounts(store, partner).move(transfers)
    store.add_bookings(
        Booking(
            settlement.external_id,
            connection_id,
            transfer.currency,
            amount,
            settlement.id,
            now,
        )
        for transfer in transfers
        for connection_id, amount in (
            (transfer.destination, transfer.quantity),
            (transfer.source, -transfer.quantity),
        )
        if connection_id is not None
    )
    return set_status(store, settlement, "completed", now)


def set_status(
    store: Store,
    settlement: Settlement,
    status: SettlementStatus,
    now: datetime,
    reason: str | None = None,
) -> Settlement:
    """Give a settlement and its transfers a status."""
    at = stamp(now)
    changed = replace(
        settlement,
        status=status,
        reason=reason,
        updated_at=at,
        finalized_at=at if status in ("completed", "rejected") else None,
    )
    store.save_settlement(changed)
    store.set_transfer_status(settlement.id, status, at)
    return changed
