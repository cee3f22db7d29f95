"""What the ledger holds about a business date or a request, for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, bindparam, func, select

from settlement.ledger.attempts import Attempt, attempts_of
from settlement.ledger.bodies import StoredBody, load_bodies
from settlement.ledger.dates import load_date
from settlement.ledger.people.holds import Hold, held_connections, holds_in_force
from settlement.ledger.people.questions import Question, open_questions
from settlement.ledger.people.stop import Stop, stop_of
from settlement.ledger.schema import slot as slot_table
from settlement.ledger.slots import load_slots, require_slot
from settlement.ledger.snapshots import Snapshot, load_positions, newest_snapshot
from settlement.slot.difference import difference, in_effect
from settlement.slot.money_at_risk import MoneyAtRisk, amounts_at_risk
from settlement.slot.state import Slot, State
from settlement.values import PartnerName, PositionKey, Window

_FIRST_SENT = select(
    slot_table.c.external_id,
    func.coalesce(slot_table.c.first_sent_at, slot_table.c.updated_at).label("since"),
).where(
    slot_table.c.partner == bindparam("partner"),
    slot_table.c.business_date == bindparam("business_date"),
)


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot with everything that was built, sent and answered under it."""

    slot: Slot
    bodies: tuple[StoredBody, ...]
    attempts: tuple[Attempt, ...]

    @property
    def state(self) -> State:
        """State by the evidence so far."""
        return self.slot.state

    @property
    def current(self) -> StoredBody | None:
        """The body that would be sent next, or that the partner holds."""
        number = self.slot.current_body
        return next((each for each in self.bodies if each.number == number), None)


@dataclass(frozen=True, slots=True)
class DateView:
    """One business date. `window` is None until it is frozen, `snapshot` until one is taken.

    `difference` still counts connections on hold; `holds` says which they are. `questions` are
    those that wait for a person.
    """

    partner: PartnerName
    business_date: date
    window: Window | None
    snapshot: Snapshot | None
    net_positions: dict[PositionKey, int]
    slots: tuple[SlotView, ...]
    difference: dict[PositionKey, int]
    holds: tuple[Hold, ...]
    stop: Stop | None
    questions: tuple[Question, ...]


def view_date(tx: Connection, partner: PartnerName, business_date: date) -> DateView:
    """What is known of a date, computed or not."""
    frozen = load_date(tx, partner, business_date)
    snapshot = newest_snapshot(tx, partner, business_date)
    net = load_positions(tx, snapshot.id) if snapshot else {}
    slots = load_slots(tx, partner, business_date)
    return DateView(
        partner,
        business_date,
        frozen.window if frozen else None,
        snapshot,
        net,
        tuple(_view(tx, slot) for slot in slots),
        difference(net, slots),
        tuple(holds_in_force(tx, partner)),
        stop_of(tx, partner),
        tuple(open_questions(tx, partner, business_date)),
    )


def money_at_risk(tx: Connection, partner: PartnerName, business_date: date) -> MoneyAtRisk:
    """What is not settled of a date, since when, and what happens next: by the ledger alone."""
    frozen = load_date(tx, partner, business_date)
    snapshot = newest_snapshot(tx, partner, business_date)
    slots = load_slots(tx, partner, business_date)
    # Without a snapshot, what slots hold was taken over from the partner's list.
    net = load_positions(tx, snapshot.id) if snapshot else in_effect(slots)
    rows = tx.execute(_FIRST_SENT, {"partner": partner, "business_date": business_date})
    since = {row.external_id: row.since for row in rows}
    amounts = amounts_at_risk(
        net,
        slots,
        held_connections(tx, partner),
        since,
        frozen.window.end if frozen else None,
    )
    newest = snapshot and frozen and snapshot.generation == frozen.generation
    return MoneyAtRisk(
        amounts,
        never_read=snapshot is None,
        read_at=snapshot.taken_at if snapshot and not newest else None,
    )


def view_slot(tx: Connection, external_id: str) -> SlotView:
    """One slot.

    :raises ConfigurationError: if the ledger has no such slot
    """
    return _view(tx, require_slot(tx, external_id))


def _view(tx: Connection, slot: Slot) -> SlotView:
    bodies = load_bodies(tx, slot.external_id)
    return SlotView(slot, tuple(bodies), tuple(attempts_of(tx, slot.external_id)))
