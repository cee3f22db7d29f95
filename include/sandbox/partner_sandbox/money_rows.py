"""Balances and bookings in the store, and the payloads that were issued."""

from __future__ import annotations

from collections.abc import Iterable

from partner_sandbox.database import Database
from partner_sandbox.records import Booking, instant_of, stamp


class MoneyRows(Database):
    """The part of the store that keeps balances and what was booked."""

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
        self._run_for_each(
            "INSERT INTO booking (external_id, connection_id, currency, amount, "
            "settlement_id, at, kind) VALUES (:external_id, :connection_id, :currency, :amount, "
            ":settlement_id, :at, :kind)",
            [
                {**booking._asdict(), "amount": str(booking.amount), "at": stamp(booking.at)}
                for booking in bookings
            ],
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
                row["kind"],
            )
            for row in self._run(
                "SELECT * FROM booking WHERE position > ? ORDER BY position", [after]
            )
        ]

    def booking_count(self) -> int:
        """How many movements were booked."""
        count: int = self._run("SELECT count(*) AS n FROM booking")[0]["n"]
        return count

    def remember_payload(self, digest: str) -> None:
        """Remember that the signing route has issued a payload."""
        self._run("INSERT OR IGNORE INTO issued_payload VALUES (?)", [digest])

    def has_issued(self, digest: str) -> bool:
        """Whether the signing route has issued this payload."""
        return bool(self._run("SELECT 1 FROM issued_payload WHERE digest = ?", [digest]))
