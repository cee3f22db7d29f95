"""Everything the sandbox remembers, in SQLite: in memory, or in a file that survives a restart."""

from __future__ import annotations

from partner_sandbox.dispute_rows import DisputeRows
from partner_sandbox.money_rows import MoneyRows
from partner_sandbox.settlement_rows import SettlementRows
from partner_sandbox.transfer_rows import TransferRows


class Store(SettlementRows, TransferRows, MoneyRows, DisputeRows):
    """The sandbox's memory; one lock, so that one request is worked on at a time.

    Without a path it lives in memory. Raises `sqlite3.DatabaseError` for a file that is
    something else.
    """
