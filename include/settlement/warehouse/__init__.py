"""The trades of a partner, read from its warehouse inside one snapshot."""

from __future__ import annotations

from settlement.warehouse.balance import require_balanced
from settlement.warehouse.history import change_in_history
from settlement.warehouse.reader import TradeIds, TradeRow, Warehouse, WarehouseSnapshot

__all__ = [
    "TradeIds",
    "TradeRow",
    "Warehouse",
    "WarehouseSnapshot",
    "change_in_history",
    "require_balanced",
]
