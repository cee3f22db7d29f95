"""After a run: whether a refusal can be narrowed down further, and which run is to do it."""

from __future__ import annotations

from datetime import date

from settlement.ledger.people.holds import held_connections
from settlement.ledger.refusals import load_refusals, note_narrowing
from settlement.ledger.slots import load_slots
from settlement.ledger.snapshots import load_positions, newest_snapshot
from settlement.request.narrowing import goes_on
from settlement.slot.difference import difference, without_connections
from settlement.slot.state import Slot, State
from settlement.steps.desk import Desk


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
