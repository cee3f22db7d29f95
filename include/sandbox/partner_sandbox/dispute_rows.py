"""Disputes and events in the store."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields

from partner_sandbox.database import Database
from partner_sandbox.records import Dispute, Event, instant_of, stamp

_FIELDS = tuple(field.name for field in fields(Dispute))
_INSERT = (
    f"INSERT OR REPLACE INTO dispute ({', '.join(_FIELDS)}) "  # noqa: S608 (our names)
    f"VALUES ({', '.join(':' + name for name in _FIELDS)})"
)
_AMOUNTS = ("expected", "adjusted")


class DisputeRows(Database):
    """The part of the store that keeps disputes, and what the partner would have been told."""

    def save_dispute(self, dispute: Dispute) -> None:
        """Insert a dispute, or replace the one with its id."""
        values: dict[str, object] = {name: getattr(dispute, name) for name in _FIELDS}
        texts = {name: json.dumps(values[name]) for name in _AMOUNTS if values[name] is not None}
        self._run(_INSERT, {**values, **texts})

    def dispute(self, dispute_id: str) -> Dispute | None:
        """Return a dispute by its id."""
        rows = self._run("SELECT * FROM dispute WHERE id = ?", [dispute_id])
        return _dispute(rows[0]) if rows else None

    def disputes_of(self, partner_id: str) -> list[Dispute]:
        """Every dispute of a partner's clients, oldest first."""
        rows = self._run(
            "SELECT * FROM dispute WHERE partner_id = ? ORDER BY created_at, id", [partner_id]
        )
        return [_dispute(row) for row in rows]

    def disputes_about(self, settlement_id: str) -> list[Dispute]:
        """Disputes raised on a settlement, oldest first."""
        rows = self._run(
            "SELECT * FROM dispute WHERE settlement_id = ? ORDER BY created_at, id",
            [settlement_id],
        )
        return [_dispute(row) for row in rows]

    def disputes_settled_in(self, settlement_id: str) -> list[Dispute]:
        """Older disputes whose adjustments run with a settlement, oldest first."""
        rows = self._run(
            "SELECT * FROM dispute WHERE settled_in = ? ORDER BY created_at, id", [settlement_id]
        )
        return [_dispute(row) for row in rows]

    def disputes_to_settle(self, partner_id: str) -> list[Dispute]:
        """Disputes, closed for good, whose adjustments no settlement has taken, oldest first."""
        rows = self._run(
            "SELECT * FROM dispute WHERE partner_id = ? "
            "AND closure_status = 'approved' AND settled_in IS NULL ORDER BY created_at, id",
            [partner_id],
        )
        return [_dispute(row) for row in rows]

    def add_event(self, event: Event) -> None:
        """Append to the event log."""
        self._run(
            "INSERT INTO event (kind, settlement_id, external_id, at, amounts) "
            "VALUES (:kind, :settlement_id, :external_id, :at, :amounts)",
            {**event._asdict(), "at": stamp(event.at), "amounts": json.dumps(event.amounts)},
        )

    def has_event(self, settlement_id: str) -> bool:
        """Whether the event log has a settlement's final amounts."""
        return bool(self._run("SELECT 1 FROM event WHERE settlement_id = ?", [settlement_id]))

    def events(self) -> list[Event]:
        """Every event, in the order of their instants."""
        return [
            Event(
                row["kind"],
                row["settlement_id"],
                row["external_id"],
                instant_of(row["at"]),
                json.loads(row["amounts"]),
            )
            for row in self._run("SELECT * FROM event ORDER BY at, position")
        ]


def _dispute(row: sqlite3.Row) -> Dispute:
    texts = {name: row[name] for name in _AMOUNTS if row[name] is not None}
    return Dispute(**{**dict(row), **{name: json.loads(text) for name, text in texts.items()}})
