"""New settlements with their transfers: the partner's, and those of somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from partner_sandbox import booking
from partner_sandbox.exchange import Exchange
from partner_sandbox.faults import FaultKind
from partner_sandbox.ids import made_up_id
from partner_sandbox.records import Settlement, Transfer, stamp
from partner_sandbox.settlement_body import AskedTransfer, SettlementBody, properties_of


class Windows(NamedTuple):
    """How long clients may dispute a settlement, and the partner may fund it after that."""

    dispute: timedelta
    top_up: timedelta


def create(exchange: Exchange, body: SettlementBody, windows: Windows | None = None) -> Settlement:
    """Store what a request asks for; without windows it is one of version 1."""
    return _insert(
        exchange,
        body.external_id,
        body.transfers,
        body.properties(),
        nonce=body.nonce,
        notes=body.notes,
        cutoff_at=body.cutoff_at,
        windows=windows,
    )


def book_foreign(
    exchange: Exchange, external_id: str, transfers: Sequence[AskedTransfer], properties: str
) -> Settlement:
    """Book a settlement that somebody else posted, whatever the balances say."""
    settlement = _insert(
        exchange, external_id, transfers, properties, nonce=f"foreign {external_id}"
    )
    return booking.book(exchange.store, exchange.partner, settlement, exchange.now)


def let_somebody_be_faster(exchange: Exchange, body: SettlementBody) -> None:
    """Book the body's transfers under its externalId, the first amount one unit off."""
    if not exchange.meets(FaultKind.FOREIGN):
        return
    if exchange.store.settlement_under(exchange.partner.id, body.external_id) is not None:
        return
    first, *others = body.transfers
    changed = first._replace(quantity=first.quantity + (1 if first.quantity > 0 else -1))
    transfers = [changed, *others]
    book_foreign(
        exchange, body.external_id, transfers, properties_of(body.form, transfers, body.notes)
    )


def _insert(  # noqa: PLR0913 - the columns of a settlement
    exchange: Exchange,
    external_id: str,
    transfers: Sequence[AskedTransfer],
    properties: str,
    *,
    nonce: str,
    notes: str | None = None,
    cutoff_at: str | None = None,
    windows: Windows | None = None,
) -> Settlement:
    now = exchange.now
    at = stamp(now)
    shown_from, hidden_look_ups = at, 0
    if exchange.fault is not None and exchange.meets(FaultKind.LAG):
        shown_from = stamp(now + timedelta(seconds=exchange.fault.seconds or 0))
        hidden_look_ups = exchange.fault.look_ups or 0
    settlement = Settlement(
        id=made_up_id("settlement", exchange.partner.id, external_id),
        partner_id=exchange.partner.id,
        external_id=external_id,
        status="pending",
        reason=None,
        notes=notes,
        cutoff_at=cutoff_at,
        nonce=nonce,
        properties=properties,
        initiated_by=exchange.user_id,
        created_at=at,
        updated_at=at,
        finalized_at=None,
        look_ups_until_complete=None,
        look_ups_until_shown=hidden_look_ups,
        shown_from=shown_from,
        dispute_until=stamp(now + windows.dispute) if windows else None,
        finalize_at=stamp(now + windows.dispute + windows.top_up) if windows else None,
    )
    exchange.store.save_settlement(settlement)
    exchange.store.add_transfers(
        Transfer(
            id=made_up_id("transfer", settlement.id, str(position)),
            settlement_id=settlement.id,
            position=position,
            source=asked.source,
            destination=asked.destination,
            currency=asked.currency,
            quantity=asked.quantity,
            status="pending",
            created_at=at,
            updated_at=at,
        )
        for position, asked in enumerate(transfers)
    )
    return settlement
