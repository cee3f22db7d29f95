"""Moving money: all transfers of a settlement at once, or none (partner API, section 14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from partner_sandbox.accounts import Accounts
from partner_sandbox.records import Booking, Settlement, SettlementStatus, Transfer, stamp
from partner_sandbox.store import Store
from partner_sandbox.world import Partner


def complete(store: Store, partner: Partner, settlement: Settlement, now: datetime) -> Settlement:
    """Book a settlement if every transfer can run, else leave it failed with a reason.

    Disputed transfers do not run and do not count.
    """
    reason = Accounts(store, partner).shortage(running_transfers(store, settlement))
    if reason is not None:
        return set_status(store, settlement, "failed", now, reason)
    return book(store, partner, settlement, now)


def book(store: Store, partner: Partner, settlement: Settlement, now: datetime) -> Settlement:
    """Book a settlement whether or not the balances allow it."""
    transfers = running_transfers(store, settlement)
    Accounts(store, partner).move(transfers)
    store.add_bookings(
        Booking(
            settlement.external_id,
            connection_id,
            transfer.currency,
            amount,
            settlement.id,
            now,
            transfer.kind,
        )
        for transfer in transfers
        for connection_id, amount in (
            (transfer.destination, transfer.quantity),
            (transfer.source, -transfer.quantity),
        )
        if connection_id is not None
    )
    return set_status(store, settlement, "completed", now)


def running_transfers(store: Store, settlement: Settlement) -> list[Transfer]:
    """Transfers of a settlement that run with it: those that nobody disputes."""
    return [each for each in store.transfers_of(settlement.id) if each.status != "disputed"]


def set_status(
    store: Store,
    settlement: Settlement,
    status: SettlementStatus,
    now: datetime,
    reason: str | None = None,
) -> Settlement:
    """Give a settlement and its transfers a status; disputed transfers stay disputed."""
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
