"""What the windows of version 2 make due, by the sandbox's clock (partner API, section 7).

Nothing runs by itself: whatever was due before a request is worked off before it is answered,
and bears the instant at which it was due.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime

from partner_sandbox import booking
from partner_sandbox.accounts import Accounts
from partner_sandbox.records import Event, Settlement, bound, instant_of, stamp
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import Partner, World


def catch_up(store: Store, world: World, settings: Settings, now: datetime) -> None:
    """Work off what has become due, in the order in which it did."""
    due = store.settlements_due(bound(now))
    if not due:
        return
    with store.transaction():
        for settlement in due:
            partner = world.partner_by_id.get(settlement.partner_id)
            if partner is not None:
                work_off(store, settings, partner, settlement, now)


def work_off(
    store: Store, settings: Settings, partner: Partner, settlement: Settlement, now: datetime
) -> Settlement:
    """Announce the final amounts of a pending settlement, then run it: each when it is due."""
    dispute_until, finalize_at = settlement.dispute_until, settlement.finalize_at
    if dispute_until is None or finalize_at is None or dispute_until > bound(now):
        return settlement
    if not store.has_event(settlement.id):
        _announce(store, partner, settlement, instant_of(dispute_until))
    if settlement.held_back or finalize_at > bound(now) or _waits(store, settings, settlement):
        return settlement
    return booking.complete(store, partner, settlement, instant_of(finalize_at))


def run_when_due(
    store: Store, settings: Settings, partner: Partner, settlement: Settlement, now: datetime
) -> Settlement:
    """Let a settlement run that failed, or waited for something: at once if its time has come."""
    waiting = replace(
        settlement,
        held_back=False,
        look_ups_until_complete=None,
        finalize_at=max(settlement.finalize_at or "", stamp(now)),
    )
    waiting = booking.set_status(store, waiting, "pending", now)
    return work_off(store, settings, partner, waiting, now)


def _waits(store: Store, settings: Settings, settlement: Settlement) -> bool:
    """Whether an open dispute keeps the whole settlement pending."""
    return settings.disputed_settlement == "stays_pending" and any(
        dispute.is_open or dispute.awaits_review for dispute in store.disputes_about(settlement.id)
    )


def _announce(store: Store, partner: Partner, settlement: Settlement, at: datetime) -> None:
    """Log the call that tells a partner the final amounts at the end of the dispute window."""
    accounts = Accounts(store, partner)
    amounts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    changes = accounts.changes(booking.running_transfers(store, settlement))
    for (account, currency), change in changes.items():
        if account != accounts.own and change:
            amounts[account][currency] = change
    store.add_event(Event("finalize", settlement.id, settlement.external_id, at, amounts))
