"""Step 5: which way the run goes on, read from the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import NotSettledError
from settlement.ledger.database import Ledger
from settlement.ledger.slots import load_slots
from settlement.slot.state import NEEDS_A_PERSON, Slot, State
from settlement.steps.verify import prove_settled


class NextStep(StrEnum):
    """Tasks that may follow the branch; several at once."""

    SETTLED = "settled"
    NOTHING_TO_SETTLE = "nothing_to_settle"
    RECONCILE_CONFLICTS = "reconcile_conflicts"
    AWAIT_SETTLEMENT = "await_settlement"


def next_steps(
    ledger: Ledger, partner: PartnerFile, business_date: date, submitted: set[str]
) -> set[NextStep]:
    """What the slots of the date call for; nothing is called settled that the gate would not.

    :param submitted: externalIds that this run handed to submit; empty means nothing to settle
    """
    with ledger.transaction() as tx:
        slots = load_slots(tx, partner.name, business_date)
        settled = _is_settled(tx, partner, business_date, slots)
    steps: set[NextStep] = set()
    if any(slot.in_conflict for slot in slots):
        steps.add(NextStep.RECONCILE_CONFLICTS)
    if any(slot.state is State.PENDING for slot in slots):
        steps.add(NextStep.AWAIT_SETTLEMENT)
    if settled:
        steps.add(NextStep.SETTLED if submitted else NextStep.NOTHING_TO_SETTLE)
    return steps


def _is_settled(
    tx: Connection, partner: PartnerFile, business_date: date, slots: Sequence[Slot]
) -> bool:
    if any(slot.state in NEEDS_A_PERSON for slot in slots):
        return False
    try:
        prove_settled(tx, partner, business_date, since=None)
    except NotSettledError:
        return False
    return True
