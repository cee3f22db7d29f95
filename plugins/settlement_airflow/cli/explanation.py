"""A request with everything that it came from, and the trades behind one of its amounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from settlement.amounts import to_base_units_text
from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError
from settlement.ledger.overview import SlotView, view_slot
from settlement.ledger.snapshots import Snapshot, load_positions, load_snapshot
from settlement.ledger.transfers import kind_of, load_transfers
from settlement.slot.evidence import ShownTransfer
from settlement.values import PositionKey
from settlement.warehouse import TradeRow, Warehouse
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


@dataclass(frozen=True, slots=True)
class Trace:
    """The trades behind one net position, as the warehouse holds them now.

    `left_out`: ids of those that a person has left to another date.
    """

    key: PositionKey
    amount: int
    trades: tuple[TradeRow, ...]
    snapshot: Snapshot
    left_out: frozenset[str] = frozenset()

    def was_read(self, trade: TradeRow) -> bool:
        """Whether the trade counts as read: recorded by the watermark, and not left out.

        One that was committed late counts too.
        """
        watermark = self.snapshot.watermark
        read = watermark is not None and trade.recorded_at <= watermark
        return read and trade.trade_id not in self.left_out

    def effect(self, trade: TradeRow) -> int:
        """By how much the trade moves the position."""
        return trade.effect_on(*self.key)

    def sum_now(self) -> int:
        """What the trades that count as read add up to now."""
        return sum(self.effect(each) for each in self.trades if self.was_read(each))

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are strings."""
        return {
            "connection": self.key.connection_id,
            "currency": self.key.currency,
            "amount": str(self.amount),
            "sum_of_trades": str(self.sum_now()),
            "trades": [
                {
                    "trade_id": each.trade_id,
                    "executed_at": each.executed_at.isoformat(),
                    "recorded_at": each.recorded_at.isoformat(),
                    "effect": str(self.effect(each)),
                    "in_snapshot": self.was_read(each),
                    "left_out": each.trade_id in self.left_out,
                }
                for each in self.trades
            ],
        }


def explanation_of(tx: Connection, external_id: str) -> Explanation:
    """Read a request from the ledger.

    :raises ConfigurationError: if the ledger has no such slot
    """
    view = view_slot(tx, external_id)
    current = view.current
    built_from = current.snapshot_id if current else None
    snapshot = load_snapshot(tx, built_from) if built_from is not None else None
    return Explanation(view, snapshot, tuple(load_transfers(tx, external_id)))


def position_in(tx: Connection, explanation: Explanation, key: PositionKey) -> int:
    """The net position that an amount of the request was built for.

    :raises ConfigurationError: if there is no snapshot, or no such position in it
    """
    named = explanation.view.slot.external_id
    if explanation.snapshot is None:
        raise ConfigurationError(
            f"{named} was taken over from the partner: the ledger has its lines, no snapshot"
        )
    net = load_positions(tx, explanation.snapshot.id)
    if key not in net:
        raise ConfigurationError(
            f"the snapshot of {named} has no position of {key.connection_id} in {key.currency}: "
            f"`settlement explain {named}` lists what it has",
            connection_ids=[key.connection_id],
            currency=key.currency,
        )
    return net[key]


def trace(
    warehouse: Warehouse, file: PartnerFile, snapshot: Snapshot, key: PositionKey, amount: int
) -> Trace:
    """Read the trades behind a net position.

    :raises WarehouseError: if the warehouse cannot be read
    """
    with warehouse.snapshot(file, snapshot.window) as reading:
        return Trace(key, amount, tuple(reading.trades_behind(*key)), snapshot)


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
