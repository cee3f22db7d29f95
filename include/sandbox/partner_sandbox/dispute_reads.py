"""The route that lists disputes (partner API, section 9.5)."""

from __future__ import annotations

from partner_sandbox.exchange import Exchange
from partner_sandbox.messages import Request, Response, json_response
from partner_sandbox.parameters import Parameters, parameters_of, passes
from partner_sandbox.records import Dispute
from partner_sandbox.views import dispute_views


def list_disputes(exchange: Exchange, request: Request) -> Response:
    """Answer of GET partners/settlement/disputes."""
    parameters = parameters_of(exchange, request)
    page = parameters.page()
    filters = _Filters(exchange, parameters)
    found = [
        each for each in exchange.store.disputes_of(exchange.partner.id) if filters.admits(each)
    ]
    views = dispute_views(page.of(found), exchange.store, exchange.partner)
    return json_response(200, {"disputes": views})


class _Filters:
    """What a list of disputes is narrowed down to; retracted ones are hidden by default."""

    def __init__(self, exchange: Exchange, parameters: Parameters) -> None:
        self._exchange = exchange
        self._closed = parameters.flag("closed")
        self._show_retracted = parameters.flag("showRetracted") or False
        self._settlements = parameters.ids("settlementIds")
        self._settled_in = parameters.ids("settledInSettlementIds")
        self._external_ids = parameters.texts("settlementExternalIds")
        self._settled_in_external_ids = parameters.texts("settledInSettlementExternalIds")
        self._connections = parameters.ids("connectionIds")
        self._partners = parameters.ids("partnerIds")
        self._clients = parameters.ids("clientIds")
        self._disputes = parameters.ids("disputeIds")
        self._closures = parameters.ids("disputeClosureIds")

    def admits(self, dispute: Dispute) -> bool:
        """Whether a dispute passes all filters."""
        client = self._exchange.partner.connection_by_id[dispute.connection_id].owner_id
        return (
            self._closed in (None, dispute.closure_status in ("pending_review", "approved"))
            and (self._show_retracted or dispute.retracted_at is None)
            and passes(self._settlements, dispute.settlement_id)
            and passes(self._settled_in, dispute.settled_in)
            and passes(self._external_ids, self._external_id(dispute.settlement_id))
            and passes(self._settled_in_external_ids, self._external_id(dispute.settled_in))
            and passes(self._connections, dispute.connection_id)
            and passes(self._partners, dispute.partner_id)
            and passes(self._clients, client)
            and passes(self._disputes, dispute.id)
            and passes(self._closures, dispute.closure_id)
        )

    def _external_id(self, settlement_id: str | None) -> str | None:
        settlement = self._exchange.store.settlement(settlement_id or "")
        return None if settlement is None else settlement.external_id
