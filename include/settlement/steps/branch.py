"""Step 5: which way the run goes on, read from the ledger alone."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from settlement.ledger.database import Ledger
from settlement.ledger.slots import load_slots
from settlement.slot_state import State


class NextStep(StrEnum):
    """Tasks that may follow the branch; several at once."""

    SETTLED = "settled"
    NOTHING_TO_SETTLE = "nothing_to_settle"
    RECONCILE_CONFLICTS = "reconcile_conflicts"
    AWAIT_SETTLEMENT = "await_settlement"


def next_steps(
    ledger: Ledger, partner_name: str, business_date: date, submitted: set[str]
) -> set[NextStep]:
    """What the slots of the date call for.

    :param submitted: externalIds that this run handed to submit; empty means nothing to settle
    """
    with ledger.transaction() as tx:
        slots = load_slots(tx, partner_name, business_date)
    steps: set[NextStep] = set()
    if any(slot.in_conflict for slot in slots):
        steps.add(NextStep.RECONCILE_CONFLICTS)
    if any(slot.state is State.PENDING for slot in slots):
        steps.add(NextStep.AWAIT_SETTLEMENT)
    if not submitted:
        steps.add(NextStep.NOTHING_TO_SETTLE)
    elif any(slot.state is State.COMPLETED and slot.external_id in submitted for slot in slots):
        steps.add(NextStep.SETTLED)
    return steps
