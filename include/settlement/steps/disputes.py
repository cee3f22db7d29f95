"""Disputes, each beside what we instructed for that client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from settlement.ledger.database import Ledger
from settlement.ledger.schema import slot
from settlement.ledger.slots import require_slot
from settlement.partner.disputes import Dispute
from settlement.slot.state import Slot
from settlement.steps.desk import Desk
from settlement.values import PartnerName


@dataclass(frozen=True, slots=True)
class DisputedRequest:
    """A dispute and the request that it is about; `ours`: currency to base units, as instructed.

    A settlement that the ledger does not hold has neither externalId nor business date.
    """

    dispute: Dispute
    external_id: str | None
    business_date: date | None
    ours: dict[str, int]


def disputed_requests(desk: Desk, business_date: date | None = None) -> list[DisputedRequest]:
    """All disputes, or those about one business date, oldest first.

    :raises OutcomeUnknownError, CredentialsError: if the partner does not show them
    """
    disputes = sorted(desk.reader.disputes(), key=lambda each: (each.created_at, each.id))
    holders = _holders(desk.ledger, desk.partner.name, [each.settlement_id for each in disputes])
    found = [_beside_ours(each, holders.get(each.settlement_id)) for each in disputes]
    return [each for each in found if business_date in {None, each.business_date}]


def _holders(
    ledger: Ledger, partner: PartnerName, settlement_ids: Sequence[str]
) -> dict[str, tuple[Slot, date]]:
    """Slots, with their dates, by the settlement that the partner holds under them."""
    query = select(slot.c.settlement_id, slot.c.external_id, slot.c.business_date).where(
        slot.c.partner == partner, slot.c.settlement_id.in_(settlement_ids)
    )
    with ledger.transaction() as tx:
        return {
            settlement_id: (require_slot(tx, external_id), day)
            for settlement_id, external_id, day in tx.execute(query).all()
        }


def _beside_ours(dispute: Dispute, holder: tuple[Slot, date] | None) -> DisputedRequest:
    if holder is None:
        return DisputedRequest(dispute, None, None, {})
    held, day = holder
    positions = held.current.positions if held.current else {}
    ours = {
        key.currency: amount
        for key, amount in sorted(positions.items())
        if key.connection_id == dispute.connection_id
    }
    return DisputedRequest(dispute, held.external_id, day, ours)
