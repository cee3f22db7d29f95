"""Step 6: find out what the partner holds where it answered 409, or shows a settlement pending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from settlement.ledger.slots import load_slots
from settlement.slot.state import Slot, State
from settlement.steps.desk import Desk
from settlement.steps.look_up import look_up
from settlement.steps.outcome import nothing_shown, raise_unless_done


def reconcile_conflicts(desk: Desk, business_date: date) -> list[Slot]:
    """Look up every slot in conflict and compare with each body that it ever had.

    :raises DivergedSlotError: if the partner holds something that is none of them
    :raises OutcomeUnknownError: if the partner shows nothing, or a look-up fails
    :raises RejectedError, SettlementFailedError: if that is what the partner shows
    """
    slots = _look_up_all(desk, business_date, lambda slot: slot.in_conflict)
    for slot in slots:
        if slot.in_conflict:
            raise nothing_shown(slot)
        raise_unless_done(desk, slot, None)
    return slots


def look_up_pending(desk: Desk, business_date: date) -> list[str]:
    """Look up every pending slot; the externalIds of those that still are.

    :raises DivergedSlotError, RejectedError, SettlementFailedError: if that is how one ended
    """
    slots = _look_up_all(desk, business_date, lambda slot: slot.state is State.PENDING)
    for slot in slots:
        raise_unless_done(desk, slot, None)
    return [slot.external_id for slot in slots if slot.state is State.PENDING]


def _look_up_all(desk: Desk, business_date: date, wanted: Callable[[Slot], bool]) -> list[Slot]:
    with desk.ledger.transaction() as tx:
        slots = [each for each in load_slots(tx, desk.partner.name, business_date) if wanted(each)]
    return [look_up(desk, each.external_id) for each in slots]
