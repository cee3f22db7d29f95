"""The promises of the project, checked against the sandbox's own books.

Nothing here trusts the ledger's code: what is booked comes from the sandbox, what is owed from
plain sums over the trades, and the ledger's tables are read from outside.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING

from partner_sandbox.records import Booking
from settlement.external_id import parse_external_id
from settlement.ledger.chain import require_unbroken
from settlement.ledger.slots import load_slot
from settlement.slot_state import Slot, State
from settlement.steps.verify import Settled
from settlement.values import PositionKey

if TYPE_CHECKING:
    from simulation.world import SimulatedWorld

Net = dict[PositionKey, int]
FOREIGN_NONCE = "foreign "
"""How the sandbox marks what somebody else has booked."""
REQUEST = """
    SELECT b.number, b.nonce, b.snapshot_id, b.sent_at IS NOT NULL,
           (SELECT count(*) FROM attempt a
            WHERE a.external_id = b.external_id AND a.body = b.number AND a.kind = 'submit'
              AND a.finished_at IS NULL AND a.request_digest = :digest)
    FROM body b WHERE b.external_id = :external_id AND b.request = :request
"""


class PromiseBroken(AssertionError):  # noqa: N818 (what the simulation is there to find)
    """A promise does not hold."""


class Promises:
    """What has been seen so far, and what must therefore hold."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._nets: dict[date, list[Net]] = defaultdict(list)
        self._booked: dict[date, Net] = defaultdict(dict)
        self._built_from: dict[tuple[str, str], int] = {}
        self._sent: dict[tuple[str, str], bytes] = {}
        self._booked_ids: dict[str, Net] = {}
        self._bookings_seen = 0
        self._recorded: set[str] = set()
        self._completed: set[tuple[str, str]] = set()

    # told by the world

    def trades_read(self, day: date, net: Net) -> None:
        """A computation has read the trades of a date; `net` is what they come to."""
        nets = self._nets[day]
        if not nets or nets[-1] != net:
            nets.append(net)

    def request_sent(self, request: bytes) -> None:
        """Write ahead: these bytes are about to reach the partner."""
        content = json.loads(request)
        external_id, nonce = content["externalId"], content["nonce"]
        watcher = self._world.watcher
        rows = watcher.rows(
            REQUEST,
            external_id=external_id,
            request=request,
            digest=hashlib.sha256(request).hexdigest(),
        )
        self._require(bool(rows), f"{external_id} is sent, but its bytes were never stored")
        attempted = [row for row in rows if row[3] and row[4]]
        self._require(bool(attempted), f"{external_id} is sent without an attempt's row")
        before = self._sent.setdefault((external_id, nonce), request)
        self._require(before == request, f"{external_id} is replayed with other bytes")
        for _, stored_nonce, snapshot_id, _, _ in attempted:
            self._require(stored_nonce == nonce, f"{external_id} has another nonce than its body")
            if snapshot_id is not None:
                self._remember_snapshot(external_id, nonce, self._net_of(snapshot_id))
        stopped = watcher.rows("SELECT reason FROM stop_flag")
        self._require(not stopped, f"{external_id} is sent while the stop flag is up")
        held = {str(row[0]) for row in watcher.rows("SELECT connection_id FROM hold")}
        held &= set(content["settlementAmounts"])
        self._require(not held, f"{external_id} is sent with a connection on hold")

    def _remember_snapshot(self, external_id: str, nonce: str, net: Net) -> None:
        """Which reading of the trades a request was built from; the oldest, if it was twice."""
        day = self._world.date_of(external_id)
        nets = self._nets[day] if day else []
        self._require(net in nets, f"{external_id} was built from positions that are not exact")
        newest = max(number for number, each in enumerate(nets) if each == net)
        before = self._built_from.setdefault((external_id, nonce), newest)
        self._built_from[external_id, nonce] = min(before, newest)

    def recorded(self, external_id: str) -> None:
        """A person recorded a foreign settlement: from now on it counts for its date."""
        if external_id not in self._recorded and parse_external_id(external_id) is None:
            self._recorded.add(external_id)
            self._add(external_id)

    def ledger_replaced(self) -> None:
        """The ledger was lost or restored: what it knew no longer binds it."""
        self._completed.clear()

    def green(self, settled: Settled) -> None:
        """A run says that its date is settled."""
        day = settled.business_date
        watcher = self._world.watcher
        snapshots = watcher.rows(
            "SELECT id FROM snapshot WHERE business_date = :day ORDER BY generation", day=day
        )
        self._require(bool(snapshots), f"{day} is green without a snapshot")
        net = self._net_of(snapshots[-1][0])
        self._require(net in self._nets[day], f"{day}: the ledger's net positions are not exact")
        held = {str(row[0]) for row in watcher.rows("SELECT connection_id FROM hold")}
        self._look_at_books()
        booked = self._booked[day]
        off = {
            key: (net.get(key, 0), booked.get(key, 0))
            for key in sorted(net.keys() | booked.keys())
            if net.get(key, 0) != booked.get(key, 0) and key.connection_id not in held
        }
        self._require(not off, f"{day} is green, but owed and booked differ: {off}")

    def _net_of(self, snapshot_id: object) -> Net:
        rows = self._world.watcher.rows(
            "SELECT connection_id, currency, amount FROM net_position WHERE snapshot_id = :id",
            id=snapshot_id,
        )
        return {PositionKey(str(row[0]), str(row[1])): int(str(row[2])) for row in rows}

    def _slot(self, external_id: str) -> Slot | None:
        with self._world.watcher.reading() as tx:
            return load_slot(tx, external_id)

    # checked

    def check(self) -> None:
        """After every step."""
        self._look_at_books()
        self._look_at_slots()

    def check_chain(self) -> None:
        """After every run: the chain of events is unbroken."""
        with self._world.watcher.reading() as tx:
            require_unbroken(tx, self._world.partner.name)

    def settled(self, day: date, owed: Net) -> None:
        """At the end: what is booked for a date is what its trades come to."""
        booked = self._booked[day]
        self._require(self.is_settled(day, owed), f"{day}: owed {owed}, booked {booked}")

    def is_settled(self, day: date, owed: Net) -> bool:
        """Whether what is booked for a date is what its trades come to."""
        self._look_at_books()
        return self._booked[day] == owed

    def explained(self) -> None:
        """At the end: every amount that was booked under our ids is in a body of the ledger."""
        for external_id, booked in self._booked_ids.items():
            if parse_external_id(external_id) is None:
                continue
            slot = self._slot(external_id)
            self._require(slot is not None, f"{external_id} is booked and not in the ledger")
            assert slot is not None
            held = any(dict(body.positions) == booked for body in slot.bodies)
            diverged = slot.state is State.DIVERGED
            self._require(held or diverged, f"{external_id} is booked as no body says")

    def _look_at_books(self) -> None:
        sandbox = self._world.sandbox
        new = sandbox.bookings(self._bookings_seen)
        self._bookings_seen += len(new)
        if not new:
            return
        nonces = {each.external_id: each.nonce for each in sandbox.settlements()}
        for external_id, bookings in _grouped(new, lambda each: each.external_id):
            self._require(external_id not in self._booked_ids, f"{external_id} is booked twice")
            lines = _sums(bookings)
            self._booked_ids[external_id] = lines
            self._world.tell(f"  booked {external_id}: {_shown(lines)}")
            if nonces[external_id].startswith(FOREIGN_NONCE):
                self._world.foreign.add(external_id)
            else:
                self._look_at_booking(external_id, nonces[external_id], lines)
            if parse_external_id(external_id) is not None:
                self._add(external_id)

    def _look_at_booking(self, external_id: str, nonce: str, lines: Net) -> None:
        """No request takes what is booked past the snapshot it was built from, or a newer one.

        A newer one counts, since a request built from it took this one for booked already.
        """
        day = self._world.date_of(external_id)
        built_from = self._built_from.get((external_id, nonce))
        self._require(
            day is not None and built_from is not None,
            f"{external_id} is booked without a request built from trades",
        )
        assert day is not None
        before = self._booked[day]
        foreign = self._world.foreign_keys(day)
        for key, amount in sorted(lines.items()):
            nets = [net.get(key, 0) for net in self._nets[day][built_from:]]
            held = before.get(key, 0)
            justified = any(_between(amount, net - held) for net in nets)
            self._require(
                justified or key in foreign,
                f"{external_id} takes {key} from {held} by {amount}, past each of {nets}",
            )

    def _add(self, external_id: str) -> None:
        day = self._world.date_of(external_id)
        assert day is not None
        booked = self._booked[day]
        for key, amount in self._booked_ids[external_id].items():
            booked[key] = booked.get(key, 0) + amount
            if booked[key] == 0:
                del booked[key]

    def _look_at_slots(self) -> None:
        """A slot is completed only if the partner shows it so; diverged only if it really is."""
        watcher = self._world.watcher
        completed: set[tuple[str, str]] = set()
        for external_id, state, settlement_id in watcher.rows(
            "SELECT external_id, state, settlement_id FROM slot "
            "WHERE state IN ('completed', 'diverged', 'rejected')"
        ):
            name = str(external_id)
            if state == State.COMPLETED:
                completed.add((name, str(settlement_id)))
            elif state == State.DIVERGED:
                foreign = name in self._world.foreign
                self._require(foreign, f"{name} is diverged, but nothing foreign is booked there")
            else:
                self._require(name not in self._booked_ids, f"{name} is rejected, but booked")
        gone = (
            self._completed
            - completed
            - {entry for entry in self._completed if entry[0] in self._world.foreign}
        )
        self._require(not gone, f"no longer completed in the ledger: {sorted(gone)}")
        for external_id, settlement_id in sorted(completed - self._completed):
            slot = self._slot(external_id)
            assert slot is not None
            self._look_at_completed(slot, settlement_id)
        self._completed = completed

    def _look_at_completed(self, slot: Slot, settlement_id: str) -> None:
        shown = self._booked_ids.get(slot.external_id)
        self._require(shown is not None, f"{slot.external_id} is completed, but nothing is booked")
        ids = {each.external_id: each.id for each in self._world.sandbox.settlements()}
        self._require(ids[slot.external_id] == settlement_id, f"{slot.external_id} has another id")
        held = dict(slot.current.positions) if slot.current else {}
        self._require(
            held == shown,
            f"{slot.external_id} is completed with {_shown(held)}, booked is {_shown(shown or {})}",
        )

    def _require(self, holds: bool, broken: str) -> None:
        if not holds:
            raise PromiseBroken(broken)


def _between(amount: int, rest: int) -> bool:
    return min(0, rest) <= amount <= max(0, rest)


def _sums(bookings: Iterable[Booking]) -> Net:
    sums: Net = {}
    for each in bookings:
        key = PositionKey(each.connection_id, each.currency)
        sums[key] = sums.get(key, 0) + each.amount
    return {key: amount for key, amount in sums.items() if amount}


def _grouped(
    bookings: Iterable[Booking], key: Callable[[Booking], str]
) -> list[tuple[str, list[Booking]]]:
    groups: dict[str, list[Booking]] = {}
    for each in bookings:
        groups.setdefault(key(each), []).append(each)
    return list(groups.items())


def _shown(lines: Net) -> str:
    return ", ".join(
        f"{key.connection_id[:4]} {amount:+} {key.currency}"
        for key, amount in sorted(lines.items())
    )
