"""From one amount back to its trades: what the warehouse holds now behind a net position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError
from settlement.ledger.database import Ledger
from settlement.ledger.snapshots import Snapshot, load_positions_of
from settlement.values import PositionKey
from settlement.warehouse import TradeRow, Warehouse


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

    def as_json(self, first: int = 0, most: int | None = None) -> dict[str, Any]:
        """For programs; amounts are strings.

        :param first: number of trades to leave out before, and `most`: how many to name
        """
        last = None if most is None else first + most
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
                for each in self.trades[first:last]
            ],
        }


def position_in(tx: Connection, named: str, snapshot: Snapshot | None, key: PositionKey) -> int:
    """The net position that an amount of a request was built for.

    :param named: externalId of the request, and the snapshot that its body was built from
    :raises ConfigurationError: if there is no snapshot, or no such position in it
    """
    if snapshot is None:
        raise ConfigurationError(
            f"{named} was taken over from the partner: the ledger has its lines, no snapshot"
        )
    net = load_positions_of(tx, snapshot.id, [key.connection_id])
    if key not in net:
        raise ConfigurationError(
            f"the snapshot of {named} has no position of {key.connection_id} in {key.currency}: "
            f"`settlement explain {named}` lists what it has",
            connection_ids=[key.connection_id],
            currency=key.currency,
        )
    return net[key]


def trace(  # noqa: PLR0913, PLR0917 - where to read, and what of
    ledger: Ledger,
    warehouse: Warehouse,
    file: PartnerFile,
    snapshot: Snapshot,
    key: PositionKey,
    amount: int,
) -> Trace:
    """Read the trades behind a net position, and which of them are left to another date.

    :raises WarehouseError: if the warehouse cannot be read
    """
    from settlement.ledger.trade_memory import left_out_among  # noqa: PLC0415 - numpy, only here

    with warehouse.snapshot(file, snapshot.window) as reading:
        trades = tuple(reading.trades_behind(*key))
    ids = [each.trade_id for each in trades]
    with ledger.transaction() as tx:
        left_out = left_out_among(tx, file.name, snapshot.business_date, ids)
    return Trace(key, amount, trades, snapshot, left_out)
