"""What must hold after every action, by the sandbox's own books.

What is booked comes from the sandbox, what is owed from plain sums over the trades; of the ledger
only its tables are read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text

from clear_fuzz.trades import Net, Trades
from partner_sandbox.core import Sandbox
from partner_sandbox.records import Booking
from settlement.ledger.database import Ledger
from settlement.request.external_id import parse_external_id
from settlement.values import PositionKey
from support.bookings import apart, by_external_id, goes_towards, sums_of

OPEN_SLOTS = """
    SELECT external_id, state FROM slot
    WHERE business_date = :day
      AND state NOT IN ('completed', 'rejected', 'refused', 'withdrawn')
    ORDER BY n
"""
PROOFS = """
    SELECT seq, at, business_date, details FROM event
    WHERE kind = 'settled' AND seq > :seen ORDER BY seq
"""
BUILT_FROM = "SELECT min(snapshot_id) FROM body WHERE external_id = :external_id AND nonce = :nonce"
SNAPSHOTS = "SELECT id, business_date FROM snapshot ORDER BY id"
POSITIONS = "SELECT connection_id, currency, amount FROM net_position WHERE snapshot_id = :id"


class NotEqual(AssertionError):  # noqa: N818 (what the actions are there to find)
    """A promise does not hold."""


class Books:
    """What was booked so far, checked booking by booking."""

    def __init__(self, sandbox: Sandbox, ledger: Ledger, trades: Trades) -> None:
        self._sandbox = sandbox
        self._ledger = ledger
        self._trades = trades
        self._booked: dict[date, Net] = defaultdict(dict)
        self._moments: dict[date, list[tuple[datetime, Net]]] = defaultdict(list)
        self._nets: dict[int, Net] = {}
        self._snapshots: dict[date, list[int]] = defaultdict(list)
        self._ids: set[str] = set()
        self._seen_bookings = self._seen_proofs = 0
        self.proofs: dict[str, int] = defaultdict(int)
        """How often the gate of a run has proved its date settled, per run."""

    @property
    def requests_booked(self) -> int:
        """Number of settlements that the partner has booked."""
        return len(self._ids)

    def check(self) -> None:
        """Look at everything that is new.

        :raises NotEqual: naming the promise that does not hold
        """
        proofs = self._rows(PROOFS, seen=self._seen_proofs)
        new = self._sandbox.bookings(self._seen_bookings)
        self._look_at_snapshots()
        self._seen_bookings += len(new)
        nonces = {each.external_id: each.nonce for each in self._sandbox.settlements()}
        for external_id, bookings in by_external_id(new).items():
            self._look_at_booking(external_id, nonces[external_id], bookings)
        for seq, at, day, details in proofs:
            self._seen_proofs = seq
            self._look_at_proof(day, at, json.loads(details))

    def left_on(self, day: date) -> str:
        """What keeps a date from being settled; empty if nothing does."""
        left = [
            f"{external_id} is {state}" for external_id, state in self._rows(OPEN_SLOTS, day=day)
        ]
        off = apart(self._trades.owed(day), self._booked[day])
        if off:
            left.append(f"{len(off)} positions differ, such as {next(iter(off.items()))}")
        return "; ".join(left)

    def _look_at_snapshots(self) -> None:
        for snapshot, day in self._rows(SNAPSHOTS):
            if snapshot in self._nets:
                continue
            rows = self._rows(POSITIONS, id=snapshot)
            net = {PositionKey(row[0], row[1]): int(row[2]) for row in rows}
            _require(
                net in self._trades.ever_owed(day),
                f"{day}: snapshot {snapshot} is not what the trades ever came to",
            )
            self._nets[snapshot] = net
            self._snapshots[day].append(snapshot)

    def _look_at_booking(self, external_id: str, nonce: str, bookings: Sequence[Booking]) -> None:
        """Never twice, and nothing past the snapshot it was built from, or a newer one.

        A newer one counts, since a request built from it took this one for booked already.
        """
        _require(external_id not in self._ids, f"{external_id} is booked twice")
        self._ids.add(external_id)
        day = parse_external_id(external_id).business_date
        [(built_from,)] = self._rows(BUILT_FROM, external_id=external_id, nonce=nonce)
        _require(built_from is not None, f"{external_id} is booked as no body says")
        booked = self._booked[day]
        nets = [self._nets[each] for each in self._snapshots[day] if each >= built_from]
        for key, amount in sums_of(bookings).items():
            held = booked.get(key, 0)
            _require(
                any(goes_towards(amount, net.get(key, 0) - held) for net in nets),
                f"{external_id} takes {key} from {held} by {amount}, past every snapshot",
            )
            booked[key] = held + amount
            if not booked[key]:
                del booked[key]
        self._moments[day].append((max(each.at for each in bookings), dict(booked)))

    def _look_at_proof(self, day: date, at: datetime, details: dict[str, object]) -> None:
        """Green means settled: what was booked then was what its snapshot holds."""
        self.proofs[str(details.get("run_id"))] += 1
        before = [booked for moment, booked in self._moments[day] if moment <= at]
        booked = before[-1] if before else {}
        off = apart(self._nets[details["snapshot_id"]], booked)
        _require(not off, f"{day} was green at {at} with {len(off)} positions off: {off}")

    def _rows(self, statement: str, **values: object) -> list[tuple]:
        with self._ledger.transaction() as tx:
            return [tuple(row) for row in tx.execute(text(statement), values)]


def _require(holds: bool, broken: str) -> None:
    if not holds:
        raise NotEqual(broken)
