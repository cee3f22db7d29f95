"""The reading routes (partner API, section 9)."""

from __future__ import annotations

from typing import Any

from partner_sandbox import booking, finalisation
from partner_sandbox.accounts import Accounts, Changes
from partner_sandbox.amounts import amount_text
from partner_sandbox.exchange import Exchange
from partner_sandbox.messages import Refusal, Request, Response, json_response
from partner_sandbox.parameters import Parameters, parameters_of, passes, uuid_text
from partner_sandbox.records import Settlement, bound
from partner_sandbox.settlement_rows import EARLIEST, LATEST, SettlementQuery
from partner_sandbox.views import (
    connection_view,
    dispute_views,
    partner_view,
    settlement_view,
    transfer_view,
)
from partner_sandbox.world import Connection


def list_settlements(exchange: Exchange, request: Request) -> Response:
    """Answer of GET partners/settlements."""
    parameters = parameters_of(exchange, request)
    page = parameters.page()
    query = SettlementQuery(
        partner_id=exchange.partner.id,
        now=bound(exchange.now),
        ids=parameters.ids("settlementIds"),
        external_ids=parameters.texts("externalIds"),
        destinations=parameters.ids("partyConnectionIds"),
        sources=parameters.ids("counterpartyConnectionIds"),
        created_from=parameters.instant("createdOnOrAfter") or EARLIEST,
        created_before=parameters.instant("createdBefore") or LATEST,
        updated_from=parameters.instant("updatedOnOrAfter") or EARLIEST,
        updated_before=parameters.instant("updatedBefore") or LATEST,
        only_disputed=parameters.flag("onlyShowDisputed") or False,
        descending=exchange.settings.list_order == "descending",
    )
    partner_ids = parameters.ids("partnerIds")
    is_meant = passes(partner_ids, exchange.partner.id)
    found = exchange.store.find_settlements(query, page.limit, page.offset) if is_meant else []
    _count_look_up(exchange)
    return json_response(200, {"settlements": [settlement_view(s) for s in found]})


def get_settlement(exchange: Exchange, request: Request) -> Response:
    """Answer of GET partners/settlements/{settlementId}."""
    settlement_id = uuid_text("settlementId", exchange.item or "")
    settlement = exchange.store.settlement(settlement_id)
    parameters = parameters_of(exchange, request)
    page = parameters.page()
    if settlement is None or not _is_shown(exchange, settlement):
        _count_look_up(exchange)
        raise Refusal(404, f"settlement {settlement_id} not found")
    store, partner = exchange.store, exchange.partner
    views = [transfer_view(transfer, partner) for transfer in store.transfers_of(settlement.id)]
    wanted = _wanted(views, parameters)
    settling = dispute_views(store.disputes_settled_in(settlement.id), store, partner)
    about = dispute_views(store.disputes_about(settlement.id), store, partner)
    _count_look_up(exchange)
    return json_response(
        200,
        {
            "settlement": settlement_view(settlement),
            "settlementTransfers": page.of(wanted),
            "settlingDisputes": settling,
            "settlementDisputes": about,
        },
    )


def list_connections(exchange: Exchange, request: Request) -> Response:
    """Answer of GET partners/connections."""
    parameters = parameters_of(exchange, request)
    page = parameters.page()
    active = parameters.flag("active")
    found = [
        connection
        for connection in _connections(exchange, parameters)
        if active in (None, connection.active)
    ]
    views = [connection_view(connection, exchange.partner) for connection in page.of(found)]
    return json_response(200, {"connections": views})


def get_connection(exchange: Exchange, request: Request) -> Response:
    """Answer of GET partners/connections/{connectionId}."""
    del request  # the path says it all
    wanted = uuid_text("connectionId", exchange.item or "")
    connection = exchange.partner.connection_by_id.get(wanted)
    if connection is None:
        raise Refusal(404, f"connection {wanted} not found")
    return json_response(200, {"connection": connection_view(connection, exchange.partner)})


def list_balances(exchange: Exchange, request: Request) -> Response:
    """Answer of GET partners/balances."""
    parameters = parameters_of(exchange, request)
    page = parameters.page()
    partner = exchange.partner
    found = page.of(_connections(exchange, parameters))
    held = Accounts(exchange.store, partner).held()
    content: dict[str, object] = {
        "networkBalances": {
            connection.id: {
                "clientId": connection.owner_id,
                "partnerId": partner.id,
                "partnersConnectionId": connection.partners_connection_id or connection.name,
                "balances": _balances(exchange, connection.id, held),
            }
            for connection in found
        }
    }
    if exchange.settings.show_partner_balances:
        content["balances"] = _balances(exchange, partner.id)
    return json_response(200, content)


def list_partners(exchange: Exchange, request: Request) -> Response:
    """Answer of GET partners: the one partner of the enterprise."""
    parameters = parameters_of(exchange, request)
    partner = exchange.partner
    wanted = (
        passes(parameters.ids("ids"), partner.id)
        and passes(parameters.texts("names"), partner.name)
        and passes(parameters.texts("institutionIdentifiers"), partner.name)
        and parameters.flag("active") in (None, partner.active)
    )
    found = [partner_view(partner)] if wanted else []
    return json_response(200, {"partners": parameters.page().of(found)})


def list_currencies(exchange: Exchange, request: Request) -> Response:
    """Answer of GET supportedCurrencies."""
    wanted = parameters_of(exchange, request).ids("partnerIds")
    if wanted is None:
        raise Refusal(400, "partnerIds is required")
    partner = exchange.partner
    names = [{"partnerNames": [currency]} for currency in partner.currencies]
    supported = {partner.id: names} if partner.id in wanted else {}
    return json_response(200, {"supportedCurrencies": supported, "domain": "bitgo-network"})


def _is_shown(exchange: Exchange, settlement: Settlement) -> bool:
    return (
        settlement.partner_id == exchange.partner.id
        and settlement.look_ups_until_shown == 0
        and settlement.shown_from <= bound(exchange.now)
    )


def _count_look_up(exchange: Exchange) -> None:
    """Count a look-up; settlements that were pending for so many look-ups go on after it."""
    store, partner, now = exchange.store, exchange.partner, exchange.now
    for settlement in store.count_look_up(partner.id):
        if settlement.version == 1:
            booking.complete(store, partner, settlement, now)
        else:
            finalisation.run_when_due(store, exchange.settings, partner, settlement, now)


def _wanted(views: list[dict[str, Any]], parameters: Parameters) -> list[dict[str, Any]]:
    """Return the transfers that pass the filters on them."""
    filters = {
        "currency": parameters.texts("currencies"),
        "sourceNetworkAccountId": parameters.ids("sourceNetworkAccountIds"),
        "sourceTradingAccountId": parameters.texts("sourceTradingAccountIds"),
        "destinationNetworkAccountId": parameters.ids("destinationNetworkAccountIds"),
        "destinationTradingAccountId": parameters.texts("destinationTradingAccountIds"),
    }
    return [
        view
        for view in views
        if all(passes(wanted, view.get(name)) for name, wanted in filters.items())
    ]


def _connections(exchange: Exchange, parameters: Parameters) -> list[Connection]:
    partner_ids = parameters.ids("partnerIds")
    ids, client_ids = parameters.ids("connectionIds"), parameters.ids("clientIds")
    names = parameters.texts("partnersConnectionIds")
    clients = parameters.texts("partnersClientIds")
    return [
        connection
        for connection in exchange.partner.connections
        if passes(partner_ids, exchange.partner.id)
        and passes(ids, connection.id)
        and passes(client_ids, connection.owner_id)
        and passes(names, connection.partners_connection_id)
        and passes(clients, connection.partners_client_id)
    ]


def _balances(
    exchange: Exchange, account: str, held: Changes | None = None
) -> dict[str, dict[str, str]]:
    """Balances of an account; what is held is no more available, and never more than there is."""
    partner = exchange.partner
    accounts = Accounts(exchange.store, partner)
    views = {}
    for currency, decimals in partner.currencies.items():
        balance = accounts.available(account, currency)
        taken = min((held or {}).get((account, currency), 0), balance)
        views[currency] = {
            "available": amount_text(balance - taken, partner.unit, decimals),
            "held": amount_text(taken, partner.unit, decimals),
        }
    return views
