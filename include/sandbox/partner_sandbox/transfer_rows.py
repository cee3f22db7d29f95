"""Transfers in the store: those of settlements, and adjustments that wait for one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, fields

from partner_sandbox.database import Database
from partner_sandbox.records import Transfer, TransferStatus

_FIELDS = tuple(field.name for field in fields(Transfer))
_INSERT = (
    f"INSERT INTO transfer ({', '.join(_FIELDS)}) "  # noqa: S608 (our names)
    f"VALUES ({', '.join(':' + name for name in _FIELDS)})"
)


class TransferRows(Database):
    """The part of the store that keeps transfers."""

    def add_transfers(self, transfers: Iterable[Transfer]) -> None:
        """Add new transfers."""
        rows = [{**asdict(each), "quantity": str(each.quantity)} for each in transfers]
        self._run_for_each(_INSERT, rows)

    def transfers_of(self, settlement_id: str) -> list[Transfer]:
        """Transfers of a settlement: in the order of its request, then the adjustments."""
        rows = self._run(
            "SELECT * FROM transfer WHERE settlement_id = ? ORDER BY position", [settlement_id]
        )
        return [_transfer(row) for row in rows]

    def transfers_of_closure(self, closure_id: str) -> list[Transfer]:
        """Adjustments that closing a dispute made."""
        rows = self._run(
            "SELECT * FROM transfer WHERE dispute_closure_id = ? ORDER BY position", [closure_id]
        )
        return [_transfer(row) for row in rows]

    def waiting_transfers(self, partner_id: str) -> list[Transfer]:
        """Transfers of a partner's pending settlements of version 2, one settlement's together."""
        # by the index of pending ones: the partner's own has all that are finished as well
        rows = self._run(
            "SELECT * FROM transfer WHERE settlement_id IN ("
            "SELECT id FROM settlement INDEXED BY settlement_by_window "
            "WHERE status = 'pending' AND dispute_until IS NOT NULL AND partner_id = ?) "
            "ORDER BY settlement_id, position",
            [partner_id],
        )
        return [_transfer(row) for row in rows]

    def set_transfer_status(self, settlement_id: str, status: TransferStatus, at: str) -> None:
        """Give all transfers of a settlement a status, but for disputed ones."""
        self._run(
            "UPDATE transfer SET status = ?, updated_at = ? "
            "WHERE settlement_id = ? AND status <> 'disputed'",
            [status, at, settlement_id],
        )

    def set_status_of(self, transfers: Iterable[Transfer], status: TransferStatus, at: str) -> None:
        """Give these transfers a status."""
        rows: list[dict[str, object]] = [
            {"id": each.id, "status": status, "at": at} for each in transfers
        ]
        self._run_for_each(
            "UPDATE transfer SET status = :status, updated_at = :at WHERE id = :id", rows
        )

    def move_adjustments(
        self, closure_id: str, settlement_id: str | None, first_position: int, at: str
    ) -> None:
        """Let a settlement take the adjustments of a closure; None takes them from it again."""
        status: TransferStatus = (
            "pending_settlement_assignment" if settlement_id is None else "pending"
        )
        rows: list[dict[str, object]] = [
            {
                "id": each.id,
                "settlement_id": settlement_id,
                "position": position,
                "status": status,
                "at": at,
            }
            for position, each in enumerate(self.transfers_of_closure(closure_id), first_position)
        ]
        self._run_for_each(
            "UPDATE transfer SET settlement_id = :settlement_id, position = :position, "
            "status = :status, updated_at = :at WHERE id = :id",
            rows,
        )


def _transfer(row: sqlite3.Row) -> Transfer:
    return Transfer(**{**dict(row), "quantity": int(row["quantity"])})
