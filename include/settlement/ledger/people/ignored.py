"""Settlements of the partner's list that a person decided to ignore."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from settlement.ledger.chain import append_event
from settlement.ledger.database import clock
from settlement.ledger.schema import ignored_settlement
from settlement.partner.answers import Settlement
from settlement.values import Actor, PartnerName


def ignore_settlement(
    tx: Connection, partner: PartnerName, foreign: Settlement, reason: str, actor: Actor
) -> None:
    """Decide that a foreign settlement is none of this project's business."""
    tx.execute(
        insert(ignored_settlement)
        .values(
            partner=partner,
            settlement_id=foreign.id,
            external_id=foreign.external_id,
            reason=reason,
            who=actor.who,
            at=clock(tx),
        )
        .on_conflict_do_nothing()
    )
    append_event(
        tx,
        partner,
        "settlement ignored",
        actor,
        external_id=foreign.external_id,
        settlement_id=foreign.id,
        reason=reason,
    )


def ignored_among(tx: Connection, partner: PartnerName, settlement_ids: Iterable[str]) -> set[str]:
    """Those of the settlements that a person decided to ignore."""
    return set(
        tx.execute(
            select(ignored_settlement.c.settlement_id).where(
                ignored_settlement.c.partner == partner,
                ignored_settlement.c.settlement_id.in_(list(settlement_ids)),
            )
        ).scalars()
    )
