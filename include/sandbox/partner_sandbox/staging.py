"""The asynchronous settlement request: staged, run after its windows (partner API, section 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from partner_sandbox import booking, finalisation
from partner_sandbox.accounts import Accounts, Movement
from partner_sandbox.creation import Windows, create, let_somebody_be_faster
from partner_sandbox.disputes import Disputes
from partner_sandbox.exchange import Exchange, ForcedOutcome
from partner_sandbox.messages import Refusal, Request, Response, json_response
from partner_sandbox.records import Settlement
from partner_sandbox.settlement_body import (
    SettlementBody,
    require_settleable,
    require_usable_connections,
)
from partner_sandbox.signed_request import posted_settlement, read_signed
from partner_sandbox.views import dispute_views, settlement_view
from partner_sandbox.world import Partner


def stage(exchange: Exchange, request: Request) -> Response:
    """Answer of POST settlements, version 2: stage it, or show how far it got."""
    body = read_signed(exchange, request)
    if body.cutoff_at is None:
        raise Refusal(400, "cutoffAt is required: the time of the last trade that is settled")
    let_somebody_be_faster(exchange, body)
    settlement = posted_settlement(exchange, body)
    if settlement is None or settlement.status == "failed":
        require_usable_connections(body, exchange.partner)
        require_settleable(body, exchange.partner)
    if settlement is None:
        settlement = _advance(exchange, _create(exchange, body), is_new=True)
    elif settlement.status in ("pending", "failed"):
        settlement = _advance(exchange, settlement, is_new=False)
    view = settlement_view(settlement)
    if settlement.status == "pending":
        settled = exchange.store.disputes_settled_in(settlement.id)
        view["settlingDisputes"] = dispute_views(settled, exchange.store, exchange.partner)
    return json_response(200, {"settlement": view})


def _create(exchange: Exchange, body: SettlementBody) -> Settlement:
    """Store a settlement and let it take the adjustments that wait; 422 if clients lack funds."""
    disputes = Disputes(exchange.store, exchange.settings, exchange.partner, exchange.now)
    asked: list[Movement] = [*body.transfers, *disputes.waiting_adjustments()]
    uncovered = Accounts(exchange.store, exchange.partner).uncovered_liabilities(asked)
    if uncovered is not None and not exchange.settings.unprocessable_is_stored:
        raise Refusal(422, uncovered)
    settlement = create(exchange, body, _windows(exchange.partner))
    disputes.settle_in(settlement)
    if uncovered is not None:
        booking.set_status(exchange.store, settlement, "failed", exchange.now, uncovered)
        raise Refusal(422, uncovered)
    return settlement


def _advance(exchange: Exchange, settlement: Settlement, *, is_new: bool) -> Settlement:
    """Run what is due, retry what failed; what waits for its windows goes on waiting."""
    forced = exchange.forced_outcome()
    if forced is not None:
        return _force(exchange, settlement, forced)
    parts = exchange.store, exchange.settings, exchange.partner, settlement, exchange.now
    if is_new and exchange.settings.zero_window_answer == "completed":
        return finalisation.work_off(*parts)
    if settlement.status == "failed" or settlement.held_back:
        return finalisation.run_when_due(*parts)
    return settlement


def _force(exchange: Exchange, settlement: Settlement, forced: ForcedOutcome) -> Settlement:
    """Give a settlement the outcome that a fault asks for."""
    if forced.status == "rejected":
        disputes = Disputes(exchange.store, exchange.settings, exchange.partner, exchange.now)
        disputes.free_from(settlement)
    changed = replace(
        settlement,
        held_back=forced.status == "pending",
        look_ups_until_complete=forced.look_ups,
    )
    return booking.set_status(exchange.store, changed, forced.status, exchange.now, forced.reason)


def _windows(partner: Partner) -> Windows:
    """Windows of a partner; one without disputes settles at once."""
    return Windows(
        timedelta(minutes=partner.client_dispute_window_minutes or 0),
        timedelta(minutes=partner.top_up_window_minutes or 0),
    )
