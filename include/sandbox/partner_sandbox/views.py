"""Stored things as the API shows them (partner API, sections 8 and 9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from partner_sandbox.amounts import amount_text
from partner_sandbox.ids import made_up_id
from partner_sandbox.records import Dispute, Settlement, Transfer, shown, stamp
from partner_sandbox.store import Store
from partner_sandbox.world import Connection, Partner


def settlement_view(settlement: Settlement) -> dict[str, Any]:
    """Return a settlement; which optional fields it has depends on its status."""
    view: dict[str, Any] = {
        "id": settlement.id,
        "partnerId": settlement.partner_id,
        "externalId": settlement.external_id,
        "status": settlement.status,
        "settlementType": "offchain",
        "reconciled": False,
        "initiatedBy": settlement.initiated_by,
        "createdAt": shown(settlement.created_at),
        "updatedAt": shown(settlement.updated_at),
        "lossSLAAlertSent": False,
        "gainSLAAlertSent": False,
    }
    if settlement.status in ("failed", "rejected"):
        view["reason"] = settlement.reason
    if settlement.finalized_at is not None:
        view["finalizedAt"] = shown(settlement.finalized_at)
    if settlement.notes is not None:
        view["notes"] = settlement.notes
    if settlement.cutoff_at is not None:
        view["cutoffAt"] = shown(settlement.cutoff_at)
    if settlement.version != 1:
        view["disputed"] = settlement.disputed
    return view


def transfer_view(transfer: Transfer, partner: Partner) -> dict[str, Any]:
    """Return a transfer; it names accounts, never connections."""
    destination = partner.connection_by_id[transfer.destination]
    source = None if transfer.source is None else partner.connection_by_id[transfer.source]
    completed = transfer.status == "completed"
    view: dict[str, Any] = {
        "id": transfer.id,
        "currency": transfer.currency,
        "quantity": amount_text(
            transfer.quantity, partner.unit, partner.currencies[transfer.currency]
        ),
        "status": transfer.status,
        "txIds": [made_up_id("transaction", transfer.id)] if completed else [],
        "sourceTradingAccountId": (source or partner).trading_account_id,
        "destinationTradingAccountId": destination.trading_account_id,
        "destinationNetworkAccountId": destination.account_id,
        "createdAt": shown(transfer.created_at),
        "updatedAt": shown(transfer.updated_at),
    }
    if transfer.settlement_id is not None:
        view["settlementId"] = transfer.settlement_id
    if source is not None:
        view["sourceNetworkAccountId"] = source.account_id
    if transfer.dispute_closure_id is not None:
        view["disputeClosureId"] = transfer.dispute_closure_id
    return view


def dispute_views(
    disputes: Iterable[Dispute], store: Store, partner: Partner
) -> list[dict[str, Any]]:
    """Return disputes with their closures; their amounts are in base units for every partner."""
    return [_dispute_view(dispute, store, partner) for dispute in disputes]


def _dispute_view(dispute: Dispute, store: Store, partner: Partner) -> dict[str, Any]:
    user = made_up_id("user", dispute.connection_id)
    view: dict[str, Any] = {
        "id": dispute.id,
        "createdAt": shown(dispute.created_at),
        "updatedAt": shown(dispute.updated_at),
        "connectionId": dispute.connection_id,
        "disputedSettlementId": dispute.settlement_id,
        "userId": user,
        "expectedTransfers": _texts(dispute.expected),
        "retracted": dispute.retracted_at is not None,
    }
    if dispute.reason is not None:
        view["reason"] = dispute.reason
    if dispute.retracted_at is not None:
        view["retractedBy"], view["retractedAt"] = user, shown(dispute.retracted_at)
    if dispute.settled_in is not None:
        view["settledInSettlementId"] = dispute.settled_in
    if dispute.closure_id is not None:
        view["disputeClosureId"] = dispute.closure_id
        view["disputeClosure"] = _closure_view(dispute, store, partner)
    return view


def _closure_view(dispute: Dispute, store: Store, partner: Partner) -> dict[str, Any]:
    """Return how a dispute was closed; its adjustments are there once that is approved."""
    transfers = [
        transfer_view(transfer, partner)
        for transfer in store.transfers_of_closure(dispute.closure_id or "")
    ]
    for transfer in transfers:
        del transfer["txIds"]
    return {
        "id": dispute.closure_id,
        "closedBy": dispute.closed_by,
        "userId": made_up_id("user", dispute.connection_id, dispute.closed_by or ""),
        "notes": "",
        "adjustedSettlementTransfers": transfers,
        "createdAt": shown(dispute.closed_at or ""),
        "status": dispute.closure_status,
        "adjustedTransfers": _texts(dispute.adjusted or {}),
    }


def _texts(amounts: Mapping[str, int]) -> dict[str, str]:
    return {currency: str(amount) for currency, amount in amounts.items()}


def connection_view(connection: Connection, partner: Partner) -> dict[str, Any]:
    """Return a connection of the partner."""
    since = shown(stamp(partner.since))
    return {
        "id": connection.id,
        "name": connection.name,
        "clientId": connection.owner_id,
        "partnerId": partner.id,
        "networkAccountId": connection.account_id,
        "createdAt": since,
        "updatedAt": since,
        "active": connection.active,
        "proof": made_up_id("connection proof", connection.id),
        "nonce": made_up_id("connection nonce", connection.id),
        "partnersConnectionId": connection.partners_connection_id,
        "partnersClientId": connection.partners_client_id,
        "initialized": connection.partners_connection_id is not None,
    }


def partner_view(partner: Partner) -> dict[str, Any]:
    """Return the partner itself."""
    view: dict[str, Any] = {
        "id": partner.id,
        "name": partner.name,
        "institutionIdentifier": partner.name,
        "connectionKeySchema": [],
        "active": partner.active,
        "trustOrg": "BitGo Trust",
        "stablePartner": False,
        "publicKey": partner.public_key,
        "enterpriseId": partner.enterprise_id,
        "isLicensedForPartner": partner.licensed,
    }
    if partner.client_dispute_window_minutes is not None:
        view["clientDisputeWindowMinutes"] = partner.client_dispute_window_minutes
    if partner.top_up_window_minutes is not None:
        view["topUpWindowMinutes"] = partner.top_up_window_minutes
    return view
