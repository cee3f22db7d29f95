"""What would be sent now for a date: the real plan over a fresh reading, nothing stored or sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import LimitExceededError
from settlement.ledger.bound_currencies import require_bound_decimals
from settlement.ledger.database import Ledger
from settlement.ledger.dates import FrozenDate, load_date, window_for
from settlement.ledger.limits import require_within_limits
from settlement.ledger.people.holds import Hold, holds_in_force
from settlement.ledger.slots import load_slots
from settlement.ledger.snapshots import newest_snapshot
from settlement.request.external_id import unused_identities
from settlement.request.instruction import SettlementInstruction, nonce_of
from settlement.request.notes import notes_of
from settlement.slot.difference import Fill
from settlement.slot.state import OPEN
from settlement.steps.build import (
    cutoff_of,
    plan_of,
    refusals_to_narrow,
    require_none_diverged,
)
from settlement.steps.compute import require_trustworthy
from settlement.steps.fresh_reading import FreshReading
from settlement.values import Line, PositionKey, Window, as_positions
from settlement.warehouse import Warehouse
from settlement.warehouse.hashed_ids import read_trade_ids


@dataclass(frozen=True, slots=True)
class Preview:
    """Requests that a run would make now, with what it would leave out and why.

    With a `refusal` it would make none of them: it would end with that error. `lines` are the
    amounts of each request, in base units.
    """

    business_date: date
    window: Window
    trade_count: int
    requests: list[SettlementInstruction]
    lines: list[tuple[Line, ...]]
    in_flight: list[str]
    held: list[Hold]
    waiting: dict[PositionKey, int]
    refusal: LimitExceededError | None


def preview_requests(
    ledger: Ledger, warehouse: Warehouse, partner: PartnerFile, business_date: date
) -> Preview:
    """The same checks of the trades, plan and bodies as the real run, from a reading not kept.

    The partner is not asked: not for settlements that the ledger does not know, nor for its
    connections and balances.

    :raises SettlementError: as the reading and the plan of the real run would; limits refuse in the
        answer, beside the amounts that somebody has to look at
    """
    BusinessCalendar(partner).require_due(business_date, ledger.now())
    with ledger.transaction() as tx:
        require_bound_decimals(tx, partner)
        stored = load_date(tx, partner.name, business_date)
        window = window_for(tx, partner, business_date)
        previous = newest_snapshot(tx, partner.name, business_date)
        slots = load_slots(tx, partner.name, business_date)
        holds = holds_in_force(tx, partner.name)
        refusals = refusals_to_narrow(tx, partner, business_date)
    require_none_diverged(slots)
    frozen = stored or FrozenDate(partner.name, business_date, window, 0)
    with (
        warehouse.snapshot(partner, window) as reading,
        read_trade_ids(reading, f"{partner.name} {business_date}") as ids,
    ):
        fresh = FreshReading(frozen, reading, ids, previous)
        trusted = require_trustworthy(ledger, warehouse, partner, fresh, None)
        net = as_positions(trusted.lines())
        trade_count = trusted.reading.trade_count()
        cutoff_at = cutoff_of(partner, window, reading.newest_executed_at())
    planned = plan_of(partner, net, slots, holds, refusals)
    unused = unused_identities(partner.name, business_date, {slot.external_id for slot in slots})
    requests: list[SettlementInstruction] = []
    for fill in planned.fills:
        external_id = fill.external_id
        if external_id is None:
            external_id = next(unused).external_id
        nonce = nonce_of(external_id, fill.lines, cutoff_at, window)
        requests.append(
            SettlementInstruction.from_lines(
                external_id,
                fill.lines,
                notes_of(business_date, nonce, window),
                nonce,
                cutoff_at,
                decimals=partner.currencies if partner.amounts == "full_units" else None,
                between_clients=partner.broker,
            )
        )
    in_flight = [slot.external_id for slot in slots if slot.state in OPEN]
    return Preview(
        business_date,
        window,
        trade_count,
        requests,
        [fill.lines for fill in planned.fills],
        in_flight,
        holds,
        planned.waiting,
        _refusal(ledger, partner, business_date, planned.fills),
    )


def _refusal(
    ledger: Ledger, partner: PartnerFile, business_date: date, fills: Sequence[Fill]
) -> LimitExceededError | None:
    """The error with which the limits would end the real run's build."""
    try:
        with ledger.transaction() as tx:
            require_within_limits(tx, partner, business_date, fills)
    except LimitExceededError as error:
        return error
    return None
