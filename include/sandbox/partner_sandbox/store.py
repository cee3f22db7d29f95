"""Everything the sandbox remembers, in SQLite: in memory, or in a file that survives a restart."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path

from partner_sandbox.records import Booking, Settlement, Transfer, instant_of, stamp

_SETTLEMENT_FIELDS = tuple(field.name for field in fields(Settlement))
_INSERT_SETTLEMENT = (
    f"INSERT OR REPLACE INTO settlement ({', '.join(_SETTLEMENT_FIELDS)}) "  # noqa: S608 (our names)
    f"VALUES ({', '.join('?' * len(_SETTLEMENT_FIELDS))})"
)
_FIND_SETTLEMENTS = """
    SELECT * FROM settlement
    WHERE partner_id = :partner_id
      AND created_at >= :created_from AND created_at < :created_before
      AND updated_at >= :updated_from AND updated_at < :updated_before
      AND look_ups_until_shown = 0 AND shown_from <= :now
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
_FIND_SETTLEMENTS_DESCENDING = _FIND_SETTLEMENTS.replace(
    "ORDER BY created_at, id", "ORDER BY created_at DESC, id DESC"
)
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
    descending: bool = False


class Store:
    """The sandbox's memory; one lock, so that one request is worked on at a time.

    Without a path it lives in memory. Raises `sqlite3.DatabaseError` for a file that is
    something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(
            resources.files(__package__ or "partner_sandbox").joinpath("schema.sql").read_text()
        )

    def close(self) -> None:
        """Close the database; one in memory is gone."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what happens inside; may be nested, the outermost one decides."""
        with self._lock:
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            done = False
            try:
                yield
                done = True
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("COMMIT" if done else "ROLLBACK")

    # settlements

    def save_settlement(self, settlement: Settlement) -> None:
        """Insert a settlement, or replace the one with its id."""
        values = [getattr(settlement, name) for name in _SETTLEMENT_FIELDS]
        self._run(_INSERT_SETTLEMENT, values)

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
            _FIND_SETTLEMENTS_DESCENDING if query.descending else _FIND_SETTLEMENTS,
            {
                "partner_id": query.partner_id,
                "now": query.now,
                "ids": _json_array(query.ids),
                "external_ids": _json_array(query.external_ids),
                "destinations": _json_array(query.destinations),
                "sources": _json_array(query.sources),
                "created_from": query.created_from,
                "created_before": query.created_before,
                "updated_from": query.updated_from,
                "updated_before": query.updated_before,
                "limit": limit,
                "offset": offset,
            },
        )
        return [_settlement(row) for row in rows]

    def all_settlements(self) -> list[Settlement]:
        """Every settlement of every partner, oldest first."""
        return [
            _settlement(row)
            for row in self._run("SELECT * FROM settlement ORDER BY created_at, id", [])
        ]

    def count_look_up(self, partner_id: str) -> list[Settlement]:
        """Count a look-up; returns the pending settlements that it makes complete."""
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

    # transfers

    def add_transfers(self, transfers: Iterable[Transfer]) -> None:
        """Add the transfers of a new settlement."""
        with self._lock:
            self._database.executemany(
                "INSERT INTO transfer VALUES (:id, :settlement_id, :position, :source, "
                ":destination, :currency, :quantity, :status, :created_at, :updated_at)",
                (
                    {**asdict(transfer), "quantity": str(transfer.quantity)}
                    for transfer in transfers
                ),
            )

    def transfers_of(self, settlement_id: str) -> list[Transfer]:
        """Transfers of a settlement, in the order of its request."""
        rows = self._run(
            "SELECT * FROM transfer WHERE settlement_id = ? ORDER BY position", [settlement_id]
        )
        return [Transfer(**{**dict(row), "quantity": int(row["quantity"])}) for row in rows]

    def set_transfer_status(self, settlement_id: str, status: str, at: str) -> None:
        """Give all transfers of a settlement a status."""
        self._run(
            "UPDATE transfer SET status = ?, updated_at = ? WHERE settlement_id = ?",
            [status, at, settlement_id],
        )

    # money

    def balance(self, account: str, currency: str) -> int | None:
        """Return stored balance of an account; None if it never changed."""
        rows = self._run(
            "SELECT available FROM balance WHERE account = ? AND currency = ?",
            [account, currency],
        )
        return int(rows[0]["available"]) if rows else None

    def set_balance(self, account: str, currency: str, available: int) -> None:
        """Store the balance of an account."""
        self._run(
            "INSERT OR REPLACE INTO balance VALUES (?, ?, ?)", [account, currency, str(available)]
        )

    def add_bookings(self, bookings: Iterable[Booking]) -> None:
        """Append movements to what was booked."""
        with self._lock:
            self._database.executemany(
                "INSERT INTO booking (external_id, connection_id, currency, amount, "
                "settlement_id, at) VALUES (:external_id, :connection_id, :currency, :amount, "
                ":settlement_id, :at)",
                (
                    {**booking._asdict(), "amount": str(booking.amount), "at": stamp(booking.at)}
                    for booking in bookings
                ),
            )

    def bookings(self, after: int = 0) -> list[Booking]:
        """Every movement that was booked, in order, the first `after` of them left out."""
        return [
            Booking(
                row["external_id"],
                row["connection_id"],
                row["currency"],
                int(row["amount"]),
                row["settlement_id"],
                instant_of(row["at"]),
            )
            for row in self._run(
                "SELECT * FROM booking WHERE position > ? ORDER BY position", [after]
            )
        ]

    def booking_count(self) -> int:
        """How many movements were booked."""
        count: int = self._run("SELECT count(*) AS n FROM booking", [])[0]["n"]
        return count

    # payloads

    def remember_payload(self, digest: str) -> None:
        """Remember that the signing route has issued a payload."""
        self._run("INSERT OR IGNORE INTO issued_payload VALUES (?)", [digest])

    def has_issued(self, digest: str) -> bool:
        """Whether the signing route has issued this payload."""
        return bool(self._run("SELECT 1 FROM issued_payload WHERE digest = ?", [digest]))

    def _run(self, sql: str, parameters: Sequence[object] | dict[str, object]) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(sql, parameters).fetchall()


def _settlement(row: sqlite3.Row) -> Settlement:
    return Settlement(**dict(row))


def _json_array(values: Sequence[str] | None) -> str | None:
    return None if values is None else json.dumps(list(values))
