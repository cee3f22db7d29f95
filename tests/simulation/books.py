"""What is owed and what is booked: plain sums over the trades, and the sandbox's own books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from partner_sandbox.records import Booking, Settlement, stamp
from settlement.request.external_id import parse_external_id
from settlement.values import Line, PositionKey, as_positions
from simulation.broken import require
from simulation.kinds import PartnerKind
from support.bookings import by_external_id, goes_towards

if TYPE_CHECKING:
    from simulation.world import SimulatedWorld

Net = dict[PositionKey, int]
FOREIGN_NONCE = "foreign "
"""How the sandbox marks what somebody else has booked."""


class Books:
    """Readings of the trades, requests built from them, and what the partner has booked."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._nets: dict[date, list[Net]] = defaultdict(list)
        self._booked: dict[date, Net] = defaultdict(dict)
        self._built_from: dict[tuple[str, str], int] = {}
        self.by_id: dict[str, Net] = {}
        """What is booked under each externalId."""
        self.settlement_ids: dict[str, str] = {}
        self.foreign: set[str] = set()
        """ExternalIds under which somebody else has booked."""
        self._recorded: set[str] = set()
        self._bookings_seen = 0
        self.changes = 0
        """How often what is booked for a date has changed."""

    def frozen(self, day: date, net: Net) -> None:
        """A ledger has frozen a reading of a date's trades; `net` is what they come to."""
        nets = self._nets[day]
        if not nets or nets[-1] != net:
            nets.append(net)

    def is_a_reading(self, day: date, net: Net) -> bool:
        """Whether the trades of a date came to this in one of its readings."""
        return net in self._nets[day]

    def dates(self) -> list[date]:
        """Dates for which anything is booked."""
        self.look()
        return sorted(day for day, booked in self._booked.items() if booked)

    def built_from(self, external_id: str, nonce: str, net: Net) -> None:
        """A request is about to be sent; remember its reading: the oldest, if it was built twice.

        Of several readings that came to the same, it is the newest.
        """
        day = self._world.date_of(external_id)
        nets = self._nets[day] if day else []
        require(net in nets, f"{external_id} was built from positions that are not exact")
        newest = max(number for number, each in enumerate(nets) if each == net)
        before = self._built_from.setdefault((external_id, nonce), newest)
        self._built_from[external_id, nonce] = min(before, newest)

    def recorded(self, external_id: str) -> None:
        """A person recorded a foreign settlement: from now on it counts for its date."""
        if external_id not in self._recorded and parse_external_id(external_id) is None:
            self._recorded.add(external_id)
            self._add(external_id)

    def booked(self, day: date, left_out: Collection[str] = ()) -> Net:
        """What is booked for a date, zeros left out."""
        self.look()
        booked = dict(self._booked[day])
        for external_id in left_out:
            if self._world.date_of(external_id) == day:
                for key, amount in self.by_id[external_id].items():
                    booked[key] = booked.get(key, 0) - amount
        return {key: amount for key, amount in booked.items() if amount}

    def made_since(self, instant: datetime) -> set[str]:
        """What is booked under our ids and was made at the partner after this instant."""
        self.look()
        since = stamp(instant)
        return {
            each.external_id
            for each in self._world.sandbox.settlements()
            if each.external_id in self.by_id
            and parse_external_id(each.external_id) is not None
            and each.created_at > since
        }

    def look(self) -> None:
        """Read what is new in the sandbox's books."""
        sandbox = self._world.sandbox
        new = sandbox.bookings(self._bookings_seen)
        self._bookings_seen += len(new)
        if not new and self._world.kind is not PartnerKind.DISPUTES:
            return
        own = by_external_id(each for each in new if each.kind == "own")
        for external_id in own:
            require(external_id not in self.by_id, f"{external_id} is booked twice")
        settlements = {each.external_id: each for each in sandbox.settlements()}
        self.settlement_ids |= {name: each.id for name, each in settlements.items()}
        ended = [name for name, each in settlements.items() if each.status == "completed"]
        for external_id in dict.fromkeys([*own, *ended]):
            if external_id not in self.by_id:
                self._booked_now(settlements[external_id], own.get(external_id, []))

    def _booked_now(self, settlement: Settlement, bookings: Sequence[Booking]) -> None:
        """A settlement is completed. What is disputed in it has not run, but counts as instructed.

        What closing a dispute adjusts is moved by a later settlement, and counts for none.
        """
        external_id, nonce = settlement.external_id, settlement.nonce
        require(settlement.status == "completed", f"{external_id} is booked and not completed")
        disputed = [
            Line(str(each.destination), each.currency, each.quantity)
            for each in self._world.store.transfers_of(settlement.id)
            if each.status == "disputed" and each.kind == "own"
        ]
        ran = [Line(each.connection_id, each.currency, each.amount) for each in bookings]
        lines = as_positions([*ran, *disputed])
        self.by_id[external_id] = lines
        self._world.tell(f"  booked {external_id}: {shown(lines)}")
        if nonce.startswith(FOREIGN_NONCE):
            self.foreign.add(external_id)
        else:
            self._look_at_booking(external_id, nonce, lines)
        if parse_external_id(external_id) is not None:
            self._add(external_id)

    def _look_at_booking(self, external_id: str, nonce: str, lines: Net) -> None:
        """No request takes what is booked past the snapshot it was built from, or a newer one.

        A newer one counts, since a request built from it took this one for booked already.
        """
        self._world.trading_time.booked(external_id, nonce)
        day = self._world.date_of(external_id)
        built_from = self._built_from.get((external_id, nonce))
        require(
            day is not None and built_from is not None,
            f"{external_id} is booked without a request built from trades",
        )
        assert day is not None
        before = self._booked[day]
        foreign = self._foreign_keys(day)
        for key, amount in sorted(lines.items()):
            nets = [net.get(key, 0) for net in self._nets[day][built_from:]]
            held = before.get(key, 0)
            justified = any(goes_towards(amount, net - held) for net in nets)
            require(
                justified or key in foreign,
                f"{external_id} takes {key} from {held} by {amount}, past each of {nets}",
            )

    def _foreign_keys(self, day: date) -> set[PositionKey]:
        """Amounts of a date that somebody else has moved too."""
        return {
            key
            for external_id in self.foreign
            if self._world.date_of(external_id) == day
            for key in self.by_id[external_id]
        }

    def _add(self, external_id: str) -> None:
        day = self._world.date_of(external_id)
        assert day is not None
        self.changes += 1
        booked = self._booked[day]
        for key, amount in self.by_id[external_id].items():
            booked[key] = booked.get(key, 0) + amount
            if booked[key] == 0:
                del booked[key]


def shown(lines: Net) -> str:
    """Amounts, short."""
    return ", ".join(
        f"{key.connection_id[:4]} {amount:+} {key.currency}"
        for key, amount in sorted(lines.items())
    )
