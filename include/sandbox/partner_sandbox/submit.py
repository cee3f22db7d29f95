"""The synchronous settlement request (partner API, section 6)."""

from __future__ import annotations

from dataclasses import replace

from partner_sandbox import booking
from partner_sandbox.creation import create, let_somebody_be_faster
from partner_sandbox.exchange import Exchange
from partner_sandbox.messages import Refusal, Request, Response, json_response
from partner_sandbox.records import Settlement
from partner_sandbox.settlement_body import require_settleable, require_usable_connections
from partner_sandbox.signed_request import posted_settlement, read_signed
from partner_sandbox.views import settlement_view


def submit(exchange: Exchange, request: Request) -> Response:
    """Answer of POST settlements: book it, or show how far it got."""
    if exchange.partner.client_dispute_window_minutes is not None:
        raise Refusal(403, "disputes are enabled for this partner: use version 2")
    body = read_signed(exchange, request)
    let_somebody_be_faster(exchange, body)
    settlement = posted_settlement(exchange, body)
    if settlement is None or settlement.status in ("pending", "failed"):
        require_usable_connections(body, exchange.partner)
        require_settleable(body, exchange.partner)
        settlement = _advance(exchange, settlement or create(exchange, body))
    return _answer(exchange, settlement)


def _advance(exchange: Exchange, settlement: Settlement) -> Settlement:
    """Complete a settlement, unless a fault holds it back."""
    forced = exchange.forced_outcome()
    if forced is None:
        return booking.complete(exchange.store, exchange.partner, settlement, exchange.now)
    held_back = replace(settlement, look_ups_until_complete=forced.look_ups)
    return booking.set_status(exchange.store, held_back, forced.status, exchange.now, forced.reason)


def _answer(exchange: Exchange, settlement: Settlement) -> Response:
    settings = exchange.settings
    status: int = {
        "completed": 200,
        "pending": settings.pending_status,
        "failed": settings.failed_status,
        "rejected": settings.rejected_status,
    }[settlement.status]
    return json_response(status, {"settlement": settlement_view(settlement)})
