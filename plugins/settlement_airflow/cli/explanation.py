"""A request with everything that it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from settlement.amounts import to_base_units_text
from settlement.ledger.overview import SlotView, view_slot
from settlement.ledger.snapshots import Snapshot, load_snapshot
from settlement.ledger.transfers import kind_of, load_transfers
from settlement.slot.evidence import ShownTransfer
from settlement_airflow.cli.amounts_shown import at_or_none
from settlement_airflow.cli.show import slot_json


@dataclass(frozen=True, slots=True)
class Explanation:
    """A request and the snapshot that its current body was built from; adopted ones have none.

    `transfers`: what the partner moved or will, kept where clients may dispute.
    """

    view: SlotView
    snapshot: Snapshot | None
    transfers: tuple[ShownTransfer, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For programs: as in `show`, and the exact texts."""
        content = slot_json(self.view)
        for shape, attempt in zip(content["attempts"], self.view.attempts, strict=True):
            shape["answer"] = as_text(attempt.answer)
        current = self.view.current
        content["body"] = None
        if current is not None:
            content["body"] = {
                "number": current.number,
                "notes": current.notes,
                "payload": current.payload,
                "signature": current.signature,
                "key_id": current.key_id,
                "request": as_text(current.request),
            }
        content["snapshot"] = _snapshot_json(self.snapshot) if self.snapshot else None
        content["transfers"] = [_transfer_json(each) for each in self.transfers]
        return content


def explanation_of(tx: Connection, external_id: str) -> Explanation:
    """Read a request from the ledger.

    :raises ConfigurationError: if the ledger has no such slot
    """
    view = view_slot(tx, external_id)
    current = view.current
    built_from = current.snapshot_id if current else None
    snapshot = load_snapshot(tx, built_from) if built_from is not None else None
    return Explanation(view, snapshot, tuple(load_transfers(tx, external_id)))


def as_text(content: bytes | None) -> str | None:
    """Bytes that were sent or received, to be read."""
    return content.decode("utf-8", "replace") if content is not None else None


def _transfer_json(shown: ShownTransfer) -> dict[str, Any]:
    return {
        "id": shown.id,
        "connection": shown.connection_id,
        "source_connection": shown.source_connection_id,
        "currency": shown.currency,
        "amount": to_base_units_text(shown.amount),
        "kind": kind_of(shown).value,
        "status": shown.status,
        "dispute_closure": shown.dispute_closure_id,
    }


def _snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "generation": snapshot.generation,
        "window": {
            "start": snapshot.window.start.isoformat(),
            "end": snapshot.window.end.isoformat(),
        },
        "trade_count": snapshot.trade_count,
        "watermark": at_or_none(snapshot.watermark),
        "run_id": snapshot.run_id,
        "query": snapshot.query_text,
    }
