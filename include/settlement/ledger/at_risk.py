"""Money of a business date that nothing proves to be settled, per currency and by what it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum

from sqlalchemy import Connection

from settlement.difference import difference, without_connections
from settlement.ledger.people import held_connections
from settlement.ledger.slots import load_slots
from settlement.ledger.snapshots import load_positions, newest_snapshot
from settlement.slot_state import OPEN, Slot, State
from settlement.values import PositionKey

AtRisk = dict[str, dict["Risk", int]]
"""Gross amounts in base units, by currency: what all clients receive plus what all give."""


class Risk(StrEnum):
    """Why an amount is not settled, the worst first."""

    UNKNOWN = "unknown"
    DIVERGED = "diverged"
    FAILED = "failed"
    REFUSED = "refused"
    PENDING = "pending"
    NOT_SENT = "not sent"


def money_at_risk(tx: Connection, partner: str, business_date: date) -> AtRisk:
    """What is in flight, and what the newest snapshot still owes; each amount counts once.

    Connections on hold are left out of what is owed: a person wants it so. Nothing is known of the
    amounts of a date that was never read.
    """
    snapshot = newest_snapshot(tx, partner, business_date)
    net = load_positions(tx, snapshot.id) if snapshot else {}
    slots = load_slots(tx, partner, business_date)
    found: AtRisk = {}
    for slot in slots:
        if slot.state in OPEN and not slot.free and slot.current is not None:
            for key, amount in slot.current.positions.items():
                _add(found, key.currency, Risk(slot.state.value), amount)
    diverged, refused = _keys_in(slots, State.DIVERGED), _keys_in(slots, State.REFUSED)
    owed = without_connections(difference(net, slots), held_connections(tx, partner))
    for key, amount in owed.items():
        in_refused = Risk.REFUSED if key in refused else Risk.NOT_SENT
        _add(found, key.currency, Risk.DIVERGED if key in diverged else in_refused, amount)
    return found


def summed(several: Iterable[AtRisk]) -> AtRisk:
    """The same amounts over several dates."""
    total: AtRisk = {}
    for each in several:
        for currency, amounts in each.items():
            for risk, amount in amounts.items():
                _add(total, currency, risk, amount)
    return total


def _add(found: AtRisk, currency: str, risk: Risk, amount: int) -> None:
    amounts = found.setdefault(currency, {})
    amounts[risk] = amounts.get(risk, 0) + abs(amount)


def _keys_in(slots: Iterable[Slot], state: State) -> set[PositionKey]:
    held: list[Mapping[PositionKey, int]] = [
        slot.current.positions for slot in slots if slot.state is state and slot.current
    ]
    return {key for positions in held for key in positions}
