"""Invariants of transfers: they are the ones that the newest look-up showed."""

from __future__ import annotations

from sqlalchemy import Connection, select

from settlement.ledger.chain import read_events
from settlement.ledger.checks.slots import Audited, broken
from settlement.ledger.schema import slot, transfer
from settlement.ledger.transfers import digest_of_transfers, load_transfers


def check_transfers(tx: Connection, audited: Audited) -> int:
    """Every slot's transfers are those that its newest event about them names."""
    named = {
        str(event.external_id): event.details["transfers_digest"]
        for event in read_events(tx, audited.partner)
        if "transfers_digest" in event.details
    }
    query = select(transfer.c.external_id).join(slot, slot.c.external_id == transfer.c.external_id)
    held = set(tx.execute(query.where(slot.c.partner == audited.partner).distinct()).scalars())
    for external_id in sorted(held - named.keys()):
        raise broken(f"transfers of {external_id} were added, but no event names them")
    count = 0
    for external_id, digest in sorted(named.items()):
        transfers = load_transfers(tx, external_id)
        if digest_of_transfers(transfers) != digest:
            raise broken(f"the transfers of {external_id} are not the ones that were shown")
        count += len(transfers)
    return count
