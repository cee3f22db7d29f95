"""The signing payload and the synchronous settlement request (partner API, sections 5 and 6)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from partner_sandbox import booking, signature
from partner_sandbox.exchange import Exchange
from partner_sandbox.faults import FaultKind
from partner_sandbox.ids import made_up_id
from partner_sandbox.messages import Refusal, Request, Response, json_response
from partner_sandbox.records import Settlement, SettlementStatus, Transfer, stamp
from partner_sandbox.settlement_body import (
    SIGNATURE_FIELDS,
    AskedTransfer,
    SettlementBody,
    json_object,
    payload_text,
    properties_of,
    read_body,
    require_same_content,
    require_usable_connections,
    required_text,
)
from partner_sandbox.views import settlement_view
from partner_sandbox.world import Partner

_FORCED: dict[FaultKind, tuple[SettlementStatus, str | None]] = {
    FaultKind.PENDING: ("pending", None),
    FaultKind.FAILED: ("failed", "insufficient balance: the partner's account lacks funds"),
    FaultKind.REJECTED: ("rejected", "rejected by the custodian"),
}


def issue_payload(exchange: Exchange, request: Request) -> Response:
    """Answer of the signing route: the text to sign for this body."""
    content = json_object(request.body, "request body")
    body = read_body(content, exchange.partner, exchange.settings)
    if exchange.settings.signing_answers_conflict:
        _existing(exchange, body)
    require_usable_connections(body, exchange.partner)
    if exchange.meets(FaultKind.WRONG_PAYLOAD):
        content = {**content, "nonce": f"not {body.nonce}"}
    payload = payload_text(content, exchange.settings)
    exchange.store.remember_payload(_digest(exchange.partner, payload))
    return json_response(200, {"payload": payload})


def submit(exchange: Exchange, request: Request) -> Response:
    """Answer of POST settlements: book it, or show how far it got."""
    if exchange.partner.client_dispute_window_minutes is not None:
        raise Refusal(403, "disputes are enabled for this partner: use version 2")
    content = json_object(request.body, "request body")
    body = read_body(content, exchange.partner, exchange.settings, SIGNATURE_FIELDS)
    _require_signature(exchange, body, content)
    if exchange.meets(FaultKind.FOREIGN):
        _book_foreign_twin(exchange, body)
    settlement = _existing(exchange, body)
    if settlement is None:
        _require_fresh_nonce(exchange, body)
    if settlement is None or settlement.status in ("pending", "failed"):
        require_usable_connections(body, exchange.partner)
        settlement = _advance(exchange, settlement or _create(exchange, body))
    return _answer(exchange, settlement)


def book_foreign(
    exchange: Exchange, external_id: str, transfers: Sequence[AskedTransfer], properties: str
) -> Settlement:
    """Book a settlement that somebody else posted, whatever the balances say."""
    settlement = _insert(
        exchange, external_id, transfers, properties, nonce=f"foreign {external_id}"
    )
    return booking.book(exchange.store, exchange.partner, settlement, exchange.now)


def _require_signature(
    exchange: Exchange, body: SettlementBody, content: dict[str, object]
) -> None:
    settings = exchange.settings
    payload, signed = required_text(content, "payload"), required_text(content, "signature")
    if not signature.is_well_formed(signed):
        raise Refusal(settings.malformed_signature_status, "signature is not 130 hex characters")
    if not signature.verifies(payload, signed, exchange.partner.signing_key):
        raise Refusal(settings.bad_signature_status, "signature check failed")
    require_same_content(payload, body, exchange.partner, settings)
    if settings.only_issued_payloads and not exchange.store.has_issued(
        _digest(exchange.partner, payload)
    ):
        raise Refusal(400, "payload was not issued by the settlements-signing route")


def _existing(exchange: Exchange, body: SettlementBody) -> Settlement | None:
    """Return the settlement under the body's externalId; 409 if it has other properties."""
    settlement = exchange.store.settlement_under(exchange.partner.id, body.external_id)
    if settlement is None:
        return None
    same_nonce = settlement.nonce == body.nonce or not exchange.settings.nonce_is_compared
    if settlement.properties != body.properties() or not same_nonce:
        raise Refusal(
            409, f"settlement {body.external_id} already exists with different properties"
        )
    return settlement


def _require_fresh_nonce(exchange: Exchange, body: SettlementBody) -> None:
    if exchange.settings.nonce_reuse == "accept":
        return
    other = exchange.store.settlement_with_nonce(exchange.partner.id, body.nonce)
    if other is not None:
        raise Refusal(400, f"nonce was already used by settlement {other.external_id}")


def _create(exchange: Exchange, body: SettlementBody) -> Settlement:
    return _insert(
        exchange,
        body.external_id,
        body.transfers,
        body.properties(),
        nonce=body.nonce,
        notes=body.notes,
        cutoff_at=body.cutoff_at,
    )


def _insert(
    exchange: Exchange,
    external_id: str,
    transfers: Sequence[AskedTransfer],
    properties: str,
    *,
    nonce: str,
    notes: str | None = None,
    cutoff_at: str | None = None,
) -> Settlement:
    at = stamp(exchange.now)
    shown_from, hidden_look_ups = at, 0
    if exchange.fault is not None and exchange.meets(FaultKind.LAG):
        shown_from = stamp(exchange.now + timedelta(seconds=exchange.fault.seconds or 0))
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


def _advance(exchange: Exchange, settlement: Settlement) -> Settlement:
    """Complete a settlement, unless a fault holds it back."""
    forced = None if exchange.fault is None else _FORCED.get(exchange.fault.fault)
    if forced is None or exchange.fault is None:
        return booking.complete(exchange.store, exchange.partner, settlement, exchange.now)
    status, reason = forced
    held_back = replace(settlement, look_ups_until_complete=exchange.fault.look_ups)
    return booking.set_status(exchange.store, held_back, status, exchange.now, reason)


def _answer(exchange: Exchange, settlement: Settlement) -> Response:
    settings = exchange.settings
    status: int = {
        "completed": 200,
        "pending": settings.pending_status,
        "failed": settings.failed_status,
        "rejected": settings.rejected_status,
    }[settlement.status]
    return json_response(status, {"settlement": settlement_view(settlement)})


def _book_foreign_twin(exchange: Exchange, body: SettlementBody) -> None:
    """Book the body's transfers under its externalId, the first amount one unit off."""
    if exchange.store.settlement_under(exchange.partner.id, body.external_id) is not None:
        return
    first, *others = body.transfers
    changed = first._replace(quantity=first.quantity + (1 if first.quantity > 0 else -1))
    transfers = [changed, *others]
    book_foreign(
        exchange, body.external_id, transfers, properties_of(body.form, transfers, body.notes)
    )


def _digest(partner: Partner, payload: str) -> str:
    return hashlib.sha256(f"{partner.id}\n{payload}".encode()).hexdigest()
