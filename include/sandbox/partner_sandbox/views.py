"""Stored things as the API shows them (partner API, sections 8 and 9)."""

from __future__ import annotations

from typing import Any

from partner_sandbox.amounts import amount_text
from partner_sandbox.ids import made_up_id
from partner_sandbox.records import Settlement, Transfer, shown, stamp
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
    return view


def transfer_view(transfer: Transfer, partner: Partner) -> dict[str, Any]:
    """Return a transfer; it names accounts, never connections."""
    destination = partner.connection_by_id[transfer.destination]
    source = None if transfer.source is None else partner.connection_by_id[transfer.source]
    completed = transfer.status == "completed"
    view: dict[str, Any] = {
        "id": transfer.id,
        "settlementId": transfer.settlement_id,
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
    if source is not None:
        view["sourceNetworkAccountId"] = source.account_id
    return view


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
        "proof": "",
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
    }
    if partner.client_dispute_window_minutes is not None:
        view["clientDisputeWindowMinutes"] = partner.client_dispute_window_minutes
    return view
