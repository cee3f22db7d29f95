"""The ledger's tables, read from outside after every step: what may be in them, what may not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import psycopg

from settlement.ledger.chain import GENESIS, event_hash
from settlement.values import PositionKey
from settlement.warehouse import TradeRow
from simulation.books import Net, shown
from simulation.broken import PromiseBroken, require
from support.in_process import net_of

if TYPE_CHECKING:
    from simulation.world import SimulatedWorld

SLOTS = "SELECT external_id, state, settlement_id FROM slot WHERE partner = 'demo'"
WINDOWS = """
    SELECT business_date, window_start, window_end FROM business_date
    WHERE partner = 'demo' ORDER BY business_date
"""
EVENTS = """
    SELECT partner, seq, at, kind, business_date, external_id, details, previous_hash, hash
    FROM event WHERE partner = 'demo' AND seq > %s ORDER BY seq
"""
EVENT_FIELDS = (
    *("partner", "seq", "at", "kind", "business_date", "external_id"),
    *("details", "previous_hash", "hash"),
)
SNAPSHOT = "SELECT generation, run_id, trade_count, watermark FROM snapshot WHERE id = %s"
POSITIONS = "SELECT connection_id, currency, amount FROM net_position WHERE snapshot_id = %s"
CURRENT_BODY = """
    SELECT l.connection_id, l.currency, l.amount FROM slot s
    JOIN line l ON l.external_id = s.external_id AND l.body = s.current_body
    WHERE s.external_id = %s
"""
ALL_BODIES = "SELECT body, connection_id, currency, amount FROM line WHERE external_id = %s"


@dataclass(frozen=True)
class Reading:
    """Trades that a computation has read, and what the ledger froze of them."""

    trades: tuple[TradeRow, ...]
    generation: int = 0
    watermark: datetime | None = None

    def was_there(self, trade: TradeRow) -> bool:
        """Whether a trade claims to have been recorded by the time of this reading."""
        return self.watermark is not None and trade.recorded_at <= self.watermark


class LedgerWatch:
    """Remembers what the ledger held, and looks at what is new."""

    def __init__(
        self, world: SimulatedWorld, connection: psycopg.Connection[tuple[Any, ...]]
    ) -> None:
        self._world = world
        self._connection = connection
        self._nets: dict[int, Net] = {}
        self._readings: dict[date, list[Reading]] = {}
        self._forget()

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All rows of a query; only what is committed."""
        return self._connection.execute(statement.encode(), parameters).fetchall()

    def net_of(self, snapshot_id: int) -> Net:
        """The net positions of a snapshot."""
        if snapshot_id not in self._nets:
            self._nets[snapshot_id] = as_net(self.rows(POSITIONS, snapshot_id))
        return self._nets[snapshot_id]

    def windows(self) -> dict[date, tuple[datetime, datetime]]:
        """The frozen windows."""
        return {day: (start, end) for day, start, end in self.rows(WINDOWS)}

    def replaced(self) -> None:
        """The ledger was lost or restored: what it knew no longer binds it."""
        self._forget()
        self._look_at_windows()
        self._states = {row[0]: (row[1], row[2]) for row in self.rows(SLOTS)}
        for event in self._new_events():
            self._last = event["seq"], event["hash"]

    def trades_read(self, day: date, trades: list[TradeRow]) -> None:
        """A computation has read these trades of a date."""
        self._readings.setdefault(day, []).append(Reading(tuple(trades)))

    def has_frozen(self, day: date, net: Net) -> bool:
        """Whether the newest reading of the date that this ledger has frozen comes to this."""
        frozen = self._frozen.get(day)
        return frozen is not None and net_of(frozen.trades) == net

    def watermark(self, day: date) -> datetime | None:
        """The newest recording that the newest snapshot of a date has read."""
        frozen = self._frozen.get(day)
        return frozen.watermark if frozen else None

    def look(self) -> None:
        """Look at everything that has been written since."""
        if self._world.ledger.writes == self._writes_seen:
            return
        self._writes_seen = self._world.ledger.writes
        self._look_at_events()
        self._look_at_slots()

    def _forget(self) -> None:
        self._writes_seen = -1
        self._states: dict[str, tuple[str, str | None]] = {}
        self._windows: dict[date, tuple[datetime, datetime]] = {}
        self._frozen: dict[date, Reading] = {}
        self._last = (0, GENESIS)
        self._nets.clear()

    # events

    def _new_events(self) -> list[dict[str, Any]]:
        return [
            dict(zip(EVENT_FIELDS, row, strict=True)) for row in self.rows(EVENTS, self._last[0])
        ]

    def _look_at_events(self) -> None:
        for event in self._new_events():
            seq, previous = self._last
            linked = event["seq"] == seq + 1 and event["previous_hash"] == previous
            require(linked and event["hash"] == event_hash(event), f"event {seq + 1} is broken")
            self._last = event["seq"], event["hash"]
            details = json.loads(event["details"])
            match event["kind"]:
                case "window frozen":
                    self._look_at_windows()
                case "snapshot frozen":
                    self._look_at_snapshot(event["business_date"], details["snapshot_id"])
                case "filled":
                    self._look_at_filled(event["external_id"], details)

    def _look_at_windows(self) -> None:
        """Frozen windows stay, and no moment belongs to two dates."""
        held = self.windows()
        for day, window in self._windows.items():
            require(held.get(day) == window, f"the window of {day} has moved")
        ends = None
        for day, (start, end) in held.items():
            require(ends is None or ends <= start, f"the window of {day} overlaps an earlier one")
            ends = end
        self._windows = held

    def _look_at_filled(self, external_id: str, details: Mapping[str, Any]) -> None:
        """A run fills slots from its own reading of the trades."""
        run_of_snapshot = self.rows(SNAPSHOT, details["snapshot_id"])[0][1]
        require(
            run_of_snapshot == details.get("run_id"),
            f"{external_id} was filled by {details.get('run_id')} from the reading of "
            f"{run_of_snapshot}",
        )

    def _look_at_snapshot(self, day: date, snapshot_id: int) -> None:
        """No older reading replaces a newer one, and nothing that was read before goes unasked."""
        generation, _, count, watermark = self.rows(SNAPSHOT, snapshot_id)[0]
        before = self._frozen.get(day)
        require(
            before is None or before.generation < generation,
            f"{day}: an older reading of the trades replaces a newer one",
        )
        net = self.net_of(snapshot_id)
        reading = self._reading_behind(day, net, count)
        if before is not None:
            require(
                _holds(before, reading) or day in self._world.decided.changes_settled,
                f"{day}: trades that were read before have changed, and nobody has decided",
            )
        self._frozen[day] = Reading(reading.trades, generation, watermark)
        self._world.books.frozen(day, net)
        self._world.trade_books.frozen(day, reading.trades)

    def _reading_behind(self, day: date, net: Net, count: int) -> Reading:
        """The newest reading that comes to this without what people have left out.

        A trade that was left out is the date's own again once no other date holds it; whether the
        ledger thinks that one does is its own business, so any of them may be there again. And one
        of which a person has said otherwise since, asked about more, stays out while the first
        question is the one that is left. Those that no other date has are there first.
        """
        decided = self._world.decided
        left_out = decided.ever_left_out[day]
        for reading in reversed(self._readings.get(day, [])):
            own = [each for each in reading.trades if each.trade_id not in left_out]
            maybe = sorted(
                (each for each in reading.trades if each.trade_id in left_out),
                key=lambda each: len(self._world.trade_books.holders(each.trade_id) - {day}),
            )
            for again in combinations(maybe, count - len(own)) if count >= len(own) else ():
                taken = (*own, *again)
                if net_of(taken) == net:
                    decided.left_out[day] -= {each.trade_id for each in again}
                    return Reading(taken)
        raise PromiseBroken(f"{day}: the ledger's net positions are no reading of its trades")

    # slots

    def _look_at_slots(self) -> None:
        """Completed, diverged, rejected and refused: only if the partner has shown or said so."""
        held = {row[0]: (row[1], row[2]) for row in self.rows(SLOTS)}
        books = self._world.books
        for external_id, (state, settlement_id) in held.items():
            was = self._states.get(external_id, ("", None))
            if (state, settlement_id) == was:
                continue
            foreign = external_id in books.foreign
            if was[0] == "completed":
                require(foreign, f"{external_id} was completed and is {state}")
            match state:
                case "completed":
                    self._look_at_completed(external_id, settlement_id)
                case "diverged":
                    require(foreign, f"{external_id} is diverged, but nothing foreign is booked")
                case "rejected":
                    require(
                        external_id not in books.by_id, f"{external_id} is rejected, but booked"
                    )
                case "refused":
                    self._world.word.refused(external_id)
        gone = [name for name in self._states if name not in held]
        require(not gone, f"no longer in the ledger: {gone}")
        self._states = held

    def _look_at_completed(self, external_id: str, settlement_id: str | None) -> None:
        books = self._world.books
        booked = books.by_id.get(external_id)
        require(booked is not None, f"{external_id} is completed, but nothing is booked")
        require(books.settlement_ids[external_id] == settlement_id, f"{external_id} has another id")
        held = as_net(self.rows(CURRENT_BODY, external_id))
        require(
            held == booked,
            f"{external_id} is completed with {shown(held)}, booked is {shown(booked or {})}",
        )


def _holds(before: Reading, reading: Reading) -> bool:
    """Whether what was read before is there still, or others of that time that come to the same."""
    known = {each.trade_id for each in before.trades}
    there = [each for each in reading.trades if each.trade_id in known]
    of_that_time = [each for each in reading.trades if before.was_there(each)]
    return any(
        len(each) == len(known) and net_of(each) == net_of(before.trades)
        for each in (there, of_that_time)
    )


def as_net(rows: list[tuple[Any, ...]]) -> Net:
    """Amounts by connection and currency."""
    return {PositionKey(row[-3], row[-2]): int(row[-1]) for row in rows}
