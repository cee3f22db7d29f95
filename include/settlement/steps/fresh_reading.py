"""A date's trades as a run has just read them, before anything of them is used."""

from __future__ import annotations

from dataclasses import dataclass

from settlement.ledger.dates import FrozenDate
from settlement.ledger.snapshots import Snapshot
from settlement.warehouse import WarehouseSnapshot
from settlement.warehouse.hashed_ids import ReadIds


@dataclass(frozen=True, slots=True)
class FreshReading:
    """One reading of a date's window, and the newest snapshot of an earlier one.

    `ids`: of all trades of the reading, each there once.
    """

    date: FrozenDate
    trades: WarehouseSnapshot
    ids: ReadIds
    previous: Snapshot | None
