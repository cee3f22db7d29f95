"""What clients do about a settlement of version 2 (partner API, sections 7 and 9.5).

A disputed client's transfers do not run, unless the dispute is retracted before they are due.
Closing a dispute makes adjustments, which run with the partner's next settlement; where the
closure is reviewed, once it is approved. A rejected closure leaves the dispute open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from partner_sandbox import finalisation
from partner_sandbox.ids import made_up_id
from partner_sandbox.records import Closer, Dispute, Settlement, Transfer, bound, stamp
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import Partner


class Disputes:
    """The disputes of one partner's clients, at one instant.

    Raised are `ValueError` for what the state of the settlement or dispute does not allow, and for
    an amount of zero, and `LookupError` for an unknown currency.
    """

    def __init__(self, store: Store, settings: Settings, partner: Partner, now: datetime) -> None:
        self._store = store
        self._settings = settings
        self._partner = partner
        self._now = now

    def raise_on(
        self,
        settlement: Settlement,
        connection_id: str,
        expected: Mapping[str, int],
        reason: str | None,
    ) -> Dispute:
        """Let a client dispute its part of a settlement, within the dispute window."""
        name = settlement.external_id
        if settlement.dispute_until is None:
            raise ValueError(f"settlement {name} was posted with version 1: nobody can dispute it")
        if settlement.status != "pending" or settlement.dispute_until <= bound(self._now):
            raise ValueError(f"the dispute window of settlement {name} is over")
        earlier = self._store.disputes_about(settlement.id)
        if any(e.connection_id == connection_id and e.retracted_at is None for e in earlier):
            raise ValueError(f"connection {connection_id} disputes settlement {name} already")
        transfers = _own_transfers(self._store, settlement.id, connection_id)
        if not transfers:
            raise ValueError(f"settlement {name} has no transfer of connection {connection_id}")
        self._require_amounts(expected)
        at = stamp(self._now)
        dispute = Dispute(
            id=made_up_id("dispute", settlement.id, connection_id, str(len(earlier))),
            partner_id=self._partner.id,
            settlement_id=settlement.id,
            connection_id=connection_id,
            expected=dict(expected),
            reason=reason,
            created_at=at,
            updated_at=at,
        )
        self._store.save_dispute(dispute)
        self._store.set_status_of(transfers, "disputed", at)
        self._store.save_settlement(replace(settlement, disputed=True, updated_at=at))
        return dispute

    def retract(self, dispute: Dispute) -> Dispute:
        """Let a client take its dispute back before the transfers are due: they run as normal."""
        _require_open(dispute)
        settlement = self._disputed(dispute)
        if settlement.status in ("completed", "rejected"):
            raise ValueError(f"settlement {settlement.external_id} is {settlement.status} already")
        at = stamp(self._now)
        retracted = replace(dispute, retracted_at=at, updated_at=at)
        self._store.save_dispute(retracted)
        disputed = self._still_disputed(settlement.id)
        transfers = [
            each
            for each in _own_transfers(self._store, settlement.id, dispute.connection_id)
            if not {each.source, each.destination} & disputed
        ]
        self._store.set_status_of(transfers, settlement.status, at)
        self._go_on(replace(settlement, disputed=bool(disputed), updated_at=at))
        return retracted

    def close(
        self, dispute: Dispute, adjusted: Mapping[str, int], closed_by: Closer, *, reviewed: bool
    ) -> Dispute:
        """Say what the client receives after all, in place of its disputed transfers."""
        _require_open(dispute)
        self._require_amounts(adjusted)
        at = stamp(self._now)
        closed = replace(
            dispute,
            adjusted=dict(adjusted),
            closed_at=at,
            closed_by=closed_by,
            closure_status="pending_review",
            updated_at=at,
        )
        if not reviewed:
            return self._approve(closed)
        self._store.save_dispute(closed)
        return closed

    def review(self, dispute: Dispute, *, approved: bool) -> Dispute:
        """Approve how a dispute was closed, or reject that: then it is open again."""
        if not dispute.awaits_review:
            raise ValueError(f"dispute {dispute.id} has no closure that awaits a review")
        if approved:
            return self._approve(dispute)
        rejected = replace(dispute, closure_status="rejected", updated_at=stamp(self._now))
        self._store.save_dispute(rejected)
        return rejected

    def _approve(self, closed: Dispute) -> Dispute:
        at = stamp(self._now)
        approved = replace(closed, closure_status="approved", updated_at=at)
        self._store.save_dispute(approved)
        self._store.add_transfers(self._adjustments(approved, at))
        self._go_on(self._disputed(approved))
        return approved

    def waiting_adjustments(self) -> list[Transfer]:
        """Adjustments that the next settlement takes."""
        return [
            transfer
            for dispute in self._store.disputes_to_settle(self._partner.id)
            for transfer in self._store.transfers_of_closure(dispute.closure_id or "")
        ]

    def settle_in(self, settlement: Settlement) -> None:
        """Let a new settlement take every closed dispute that waits, with its adjustments."""
        at = stamp(self._now)
        for dispute in self._store.disputes_to_settle(self._partner.id):
            self._store.save_dispute(replace(dispute, settled_in=settlement.id, updated_at=at))
            position = len(self._store.transfers_of(settlement.id))
            self._store.move_adjustments(dispute.closure_id or "", settlement.id, position, at)

    def free_from(self, settlement: Settlement) -> None:
        """Let what a rejected settlement had taken wait for the next one."""
        at = stamp(self._now)
        for dispute in self._store.disputes_settled_in(settlement.id):
            self._store.save_dispute(replace(dispute, settled_in=None, updated_at=at))
            self._store.move_adjustments(dispute.closure_id or "", None, 0, at)

    def _adjustments(self, closed: Dispute, at: str) -> Iterable[Transfer]:
        disputed = _own_transfers(self._store, closed.settlement_id, closed.connection_id)
        for position, (currency, quantity) in enumerate(sorted((closed.adjusted or {}).items())):
            yield Transfer(
                id=made_up_id("adjustment", closed.id, currency),
                settlement_id=None,
                position=position,
                source=_counterparty(disputed, closed.connection_id, currency),
                destination=closed.connection_id,
                currency=currency,
                quantity=quantity,
                status="pending_settlement_assignment",
                created_at=at,
                updated_at=at,
                dispute_closure_id=closed.closure_id,
            )

    def _disputed(self, dispute: Dispute) -> Settlement:
        settlement = self._store.settlement(dispute.settlement_id)
        if settlement is None:
            raise LookupError(f"no settlement {dispute.settlement_id}")
        return settlement

    def _still_disputed(self, settlement_id: str) -> set[str | None]:
        disputes = self._store.disputes_about(settlement_id)
        return {each.connection_id for each in disputes if each.retracted_at is None}

    def _go_on(self, settlement: Settlement) -> None:
        """Save a settlement, and run it if it has waited for the dispute that ended."""
        if settlement.status == "pending":
            due = max(settlement.finalize_at or "", stamp(self._now))
            settlement = replace(settlement, finalize_at=due)
        self._store.save_settlement(settlement)
        if settlement.status == "pending":
            finalisation.work_off(self._store, self._settings, self._partner, settlement, self._now)

    def _require_amounts(self, amounts: Mapping[str, int]) -> None:
        for currency, amount in amounts.items():
            self._partner.require_known(currency)
            if amount == 0:
                raise ValueError(f"an amount of zero {currency} is not accepted")


def _require_open(dispute: Dispute) -> None:
    if not dispute.is_open:
        raise ValueError(
            f"dispute {dispute.id} is {'retracted' if dispute.retracted_at else 'closed'} already"
        )


def _own_transfers(store: Store, settlement_id: str, connection_id: str) -> list[Transfer]:
    """Return a connection's transfers in a settlement; adjustments run whether disputed or not."""
    return [
        each
        for each in store.transfers_of(settlement_id)
        if each.kind == "own" and connection_id in (each.source, each.destination)
    ]


def _counterparty(transfers: Iterable[Transfer], connection_id: str, currency: str) -> str | None:
    """Who pays an adjustment: the other client of the disputed transfers, if they name only one.

    Else, and whenever the partner was the other side, the partner.
    """
    others = {
        each.source if each.destination == connection_id else each.destination
        for each in transfers
        if each.currency == currency
    }
    return others.pop() if len(others) == 1 else None
