"""Settlements in the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from partner_sandbox.database import Database
from partner_sandbox.records import Settlement

_FIELDS = tuple(field.name for field in fields(Settlement))
_INSERT = (
    f"INSERT OR REPLACE INTO settlement ({', '.join(_FIELDS)}) "  # noqa: S608 (our names)
    f"VALUES ({', '.join('?' * len(_FIELDS))})"
)
_FIND = """
    SELECT * FROM settlement
    WHERE partner_id = :partner_id
      AND created_at >= :created_from AND created_at < :created_before
      AND updated_at >= :updated_from AND updated_at < :updated_before
      AND look_ups_until_shown = 0 AND shown_from <= :now
      AND (disputed OR NOT :only_disputed)
      AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))
      AND (:external_ids IS NULL OR external_id IN (SELECT value FROM json_each(:external_ids)))
      AND (:destinations IS NULL OR EXISTS (
            SELECT 1 FROM transfer WHERE settlement_id = settlement.id
            AND destination IN (SELECT value FROM json_each(:destinations))))
      AND (:sources IS NULL OR EXISTS (
            SELECT 1 FROM transfer WHERE settlement_id = settlement.id
            AND source IN (SELECT value FROM json_each(:sources))))
    ORDER BY created_at, id LIMIT :limit OFFSET :offset
"""
_FIND_DESCENDING = _FIND.replace("ORDER BY created_at, id", "ORDER BY created_at DESC, id DESC")
EARLIEST = ""
LATEST = "9999-99"


@dataclass(frozen=True, slots=True)
class SettlementQuery:
    """Filters of the settlements list; None filters nothing (partner API, section 9.1)."""

    partner_id: str
    now: str
    ids: Sequence[str] | None = None
    external_ids: Sequence[str] | None = None
    destinations: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    created_from: str = EARLIEST
    created_before: str = LATEST
    updated_from: str = EARLIEST
    updated_before: str = LATEST
    only_disputed: bool = False
    descending: bool = False

    def parameters(self) -> dict[str, object]:
        """Return the filters as the statement names them."""
        arrays = ("ids", "external_ids", "destinations", "sources")
        return {**asdict(self), **{name: _json_array(getattr(self, name)) for name in arrays}}


class SettlementRows(Database):
    """The part of the store that keeps settlements."""

    def save_settlement(self, settlement: Settlement) -> None:
        """Insert a settlement, or replace the one with its id."""
        values = [getattr(settlement, name) for name in _FIELDS]
        self._run(_INSERT, values)

    def settlement(self, settlement_id: str) -> Settlement | None:
        """Return a settlement by its id, shown to look-ups or not."""
        rows = self._run("SELECT * FROM settlement WHERE id = ?", [settlement_id])
        return _settlement(rows[0]) if rows else None

    def settlement_under(self, partner_id: str, external_id: str) -> Settlement | None:
        """Return a partner's settlement by its externalId, shown to look-ups or not."""
        rows = self._run(
            "SELECT * FROM settlement WHERE partner_id = ? AND external_id = ?",
            [partner_id, external_id],
        )
        return _settlement(rows[0]) if rows else None

    def settlement_with_nonce(self, partner_id: str, nonce: str) -> Settlement | None:
        """Return a partner's settlement that used this nonce."""
        rows = self._run(
            "SELECT * FROM settlement WHERE partner_id = ? AND nonce = ?", [partner_id, nonce]
        )
        return _settlement(rows[0]) if rows else None

    def find_settlements(self, query: SettlementQuery, limit: int, offset: int) -> list[Settlement]:
        """Settlements that pass the filters, one page of them."""
        rows = self._run(
            _FIND_DESCENDING if query.descending else _FIND,
            {**query.parameters(), "limit": limit, "offset": offset},
        )
        return [_settlement(row) for row in rows]

    def all_settlements(self) -> list[Settlement]:
        """Every settlement of every partner, oldest first."""
        rows = self._run("SELECT * FROM settlement ORDER BY created_at, id")
        return [_settlement(row) for row in rows]

    def settlements_due(self, now: str) -> list[Settlement]:
        """Pending settlements whose windows ask for something, in the order in which they run.

        The dispute window has ended, and the final amounts are not announced, or the top-up
        window has ended as well.
        """
        rows = self._run(
            "SELECT * FROM settlement WHERE status = 'pending' AND dispute_until <= :now "
            "AND (finalize_at <= :now "
            "OR NOT EXISTS (SELECT 1 FROM event WHERE settlement_id = settlement.id)) "
            "ORDER BY finalize_at, created_at, id",
            {"now": now},
        )
        return [_settlement(row) for row in rows]

    def count_look_up(self, partner_id: str) -> list[Settlement]:
        """Count a look-up; returns the pending settlements that go on after it."""
        self._run(
            "UPDATE settlement SET look_ups_until_shown = look_ups_until_shown - 1 "
            "WHERE partner_id = ? AND look_ups_until_shown > 0",
            [partner_id],
        )
        self._run(
            "UPDATE settlement SET look_ups_until_complete = look_ups_until_complete - 1 "
            "WHERE partner_id = ? AND status = 'pending' AND look_ups_until_complete > 0",
            [partner_id],
        )
        rows = self._run(
            "SELECT * FROM settlement "
            "WHERE partner_id = ? AND status = 'pending' AND look_ups_until_complete = 0",
            [partner_id],
        )
        return [_settlement(row) for row in rows]


def _settlement(row: sqlite3.Row) -> Settlement:
    flags = {name: bool(row[name]) for name in ("held_back", "disputed")}
    return Settlement(**{**dict(row), **flags})


def _json_array(values: Sequence[str] | None) -> str | None:
    return None if values is None else json.dumps(list(values))
