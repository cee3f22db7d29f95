"""Step 5: which way the run goes on, and whether another run is to narrow a refusal down.

Both follow from the ledger alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import NotSettledError
from settlement.ledger.database import Ledger
from settlement.ledger.people.holds import held_connections
from settlement.ledger.refusals import load_refusals, note_narrowing
from settlement.ledger.slots import load_slots
from settlement.ledger.snapshots import load_positions, newest_snapshot
from settlement.request.narrowing import goes_on
from settlement.slot.difference import difference, without_connections
from settlement.slot.state import UNFINISHED, Slot, State
from settlement.steps.desk import Desk
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
    """What the slots of the date call for. Settled is only what the gate's proof calls so.

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
    if any(slot.state in UNFINISHED for slot in slots):
        return False
    try:
        prove_settled(tx, partner, business_date, since=None)
    except NotSettledError:
        return False
    return True


def run_to_narrow(desk: Desk, business_date: date) -> str | None:
    """Id of the run of the date that narrows its refusal down further; None: a person looks.

    The same refusal always gives the same run, whoever asks and however often.
    """
    if not desk.partner.isolates:
        return None
    with desk.ledger.transaction() as tx:
        slots = load_slots(tx, desk.partner.name, business_date)
        refused = next((each for each in slots if each.state is State.REFUSED), None)
        snapshot = newest_snapshot(tx, desk.partner.name, business_date)
        if refused is None or snapshot is None or _somebody_is_needed(slots):
            return None
        owed = difference(load_positions(tx, snapshot.id), slots)
        left = without_connections(owed, held_connections(tx, desk.partner.name))
        clients = {key.connection_id for key in left}
        if not goes_on(clients, load_refusals(tx, desk.partner.name, business_date)):
            return None
        run_id = f"narrowing-{refused.external_id}-{refused.current_body}"
        note_narrowing(tx, desk.partner.name, business_date, run_id, desk.actor)
    return run_id


def _somebody_is_needed(slots: list[Slot]) -> bool:
    """Whether nothing would be sent by another run either."""
    return any(each.state in {State.DIVERGED, State.UNKNOWN} for each in slots)
