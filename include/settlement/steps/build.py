"""Step 2: build the requests that settle the difference, and fetch their signing payloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import (
    DivergedSlotError,
    RefusedError,
    SupersededError,
    WarehouseDataError,
)
from settlement.errors.base import CLEAR_COMPUTE
from settlement.ledger.binding import require_binding
from settlement.ledger.dates import lock_generation
from settlement.ledger.filling import bodies_without_payload, carry_out
from settlement.ledger.forgotten_dates import found_since
from settlement.ledger.limits import require_within_limits
from settlement.ledger.people.approvals import ask_for_approval
from settlement.ledger.people.holds import Hold, holds_in_force
from settlement.ledger.people.stop import require_go
from settlement.ledger.refusals import load_refusals
from settlement.ledger.slots import load_slots
from settlement.ledger.snapshots import Snapshot, load_positions, newest_snapshot
from settlement.partner.answers import Connection as PartnerConnection
from settlement.request.broker import require_one_netting_request
from settlement.request.narrowing import Refusal
from settlement.slot.difference import Plan, difference, plan, without_connections
from settlement.slot.state import OPEN, Slot, State
from settlement.steps.desk import Desk
from settlement.steps.funding import Shortfall, look_before_signing
from settlement.steps.listing import adopt_unknown_settlements
from settlement.steps.payload import fetch_payload
from settlement.values import Line, PositionKey, Positions, Window, as_lines
from settlement.wording import first_few


@dataclass(frozen=True, slots=True)
class Built:
    """Slots of the date that wait for a signature or an answer, in the order of sending.

    `superseded`: a newer run has taken the date, or a settlement of another date was found at the
    partner after the trades were read; this one built nothing.
    `waiting` amounts could not be placed yet: an older request for them is not concluded.
    `shortfalls`: accounts that hold less than these requests take from them; None if the balances
    could not be read.
    `approval` is the digest of the question that must be approved before anything is signed.
    `refused` says for which of them the partner gives no payload; those after it wait for it.
    """

    external_ids: list[str]
    superseded: bool = False
    held: list[Hold] = field(default_factory=list)
    waiting: dict[PositionKey, int] = field(default_factory=dict)
    approval: str | None = None
    shortfalls: list[Shortfall] | None = field(default_factory=list)
    refused: str | None = None


def build_requests(desk: Desk, business_date: date, generation: int) -> Built:
    """Adopt what the ledger does not know, fill all slots in one transaction, fetch payloads.

    :raises BindingConflictError: if the partner's name is bound to something else
    :raises StoppedError: if the partner's stop flag is up
    :raises ForeignSettlementError: if the partner shows what nobody has placed
    :raises WindowConflictError: if what it shows contradicts the windows of this ledger
    :raises DivergedSlotError: if a slot of the date waits for a person's decision
    :raises NotNettingError: for a broker whose amounts cannot be one request
    :raises WarehouseDataError: if trades name connections that the partner cannot settle
    :raises LimitExceededError: if more would move than the partner file allows
    :raises ShortOfFundsError: if an account cannot give that much, and the partner file refuses it
    :raises PayloadMismatchError: if a signing payload is not what was asked for
    :raises PartnerAnswerError: for any other answer that is not what was asked for
    :raises UntrustedHostError: if the partner's certificate is not trusted
    """
    with desk.ledger.transaction() as tx:
        require_binding(tx, desk.partner, desk.api.base_url, desk.actor)
        require_go(tx, desk.partner.name)
        snapshot = newest_snapshot(tx, desk.partner.name, business_date)
    if snapshot is None or snapshot.generation != generation:
        return Built([], superseded=True)
    adopt_unknown_settlements(desk, business_date)
    with desk.ledger.transaction() as tx:
        taken_at, look_back = snapshot.taken_at, desk.partner.look_back
        if found_since(tx, desk.partner.name, business_date, look_back, taken_at):
            return Built([], superseded=True)  # whose trades these were was not asked yet
    connections = desk.reader.connections()
    try:
        built, never_sent = _fill(desk, business_date, generation, connections)
    except SupersededError:
        return Built([], superseded=True)
    with desk.ledger.transaction() as tx:
        missing = bodies_without_payload(tx, built.external_ids)
    short = look_before_signing(desk.reader, desk.partner, never_sent) if never_sent else []
    built = replace(built, shortfalls=short)
    for external_id in missing:
        try:
            fetch_payload(desk, external_id)
        except RefusedError as error:
            if not desk.partner.isolates or external_id == built.external_ids[0]:
                raise
            return replace(built, refused=error.message)  # what comes before it is sent
    return built


def _fill(
    desk: Desk, business_date: date, generation: int, connections: Sequence[PartnerConnection]
) -> tuple[Built, list[tuple[Line, ...]]]:
    """Fill all slots, or do nothing: one transaction under the lock of the date's row.

    Also returns the lines of each request that was never sent.
    """
    with desk.ledger.transaction() as tx:
        lock_generation(tx, desk.partner.name, business_date, generation)
        require_go(tx, desk.partner.name)
        slots = load_slots(tx, desk.partner.name, business_date, lock=True)
        require_none_diverged(slots)
        holds = holds_in_force(tx, desk.partner.name)
        planned, snapshot = plan_for(tx, desk.partner, business_date, slots, holds)
        require_within_limits(tx, desk.partner, business_date, planned.fills)
        require_known_connections(desk.partner, planned, connections)
        carry_out(
            tx,
            planned,
            snapshot,
            desk.actor,
            cutoff_of(desk.partner, snapshot.window, snapshot.newest_executed_at),
        )
        approval = ask_for_approval(tx, desk.partner, business_date, desk.actor)
        filled = load_slots(tx, desk.partner.name, business_date)
    waiting_for_us = [s.external_id for s in filled if s.state in OPEN | {State.PREPARED}]
    never_sent = [as_lines(s.current.positions) for s in filled if s.current and s.never_sent]
    built = Built(
        waiting_for_us,
        held=holds,
        waiting=planned.waiting,
        approval=approval.digest if approval else None,
    )
    return built, never_sent


def plan_for(
    tx: Connection,
    partner: PartnerFile,
    business_date: date,
    slots: Sequence[Slot],
    holds: Sequence[Hold],
) -> tuple[Plan, Snapshot]:
    """The plan for the newest snapshot of a date, and that snapshot.

    :raises SupersededError: if the ledger holds no snapshot any more
    :raises NotNettingError: as `plan_of` does
    """
    snapshot = newest_snapshot(tx, partner.name, business_date)
    if snapshot is None:
        raise SupersededError(
            f"{partner.name} {business_date}: the ledger holds no snapshot any more: clear "
            "compute_net_positions with its downstream tasks",
            partner=partner.name,
            business_date=business_date,
        )
    net = load_positions(tx, snapshot.id)
    refusals = refusals_to_narrow(tx, partner, business_date)
    return plan_of(partner, net, slots, holds, refusals), snapshot


def refusals_to_narrow(
    tx: Connection, partner: PartnerFile, business_date: date
) -> Sequence[Refusal]:
    """Those of the date; none if the partner file keeps a refused request as it is."""
    return load_refusals(tx, partner.name, business_date) if partner.isolates else ()


def cutoff_of(partner: PartnerFile, window: Window, newest: datetime | None) -> datetime | None:
    """`cutoffAt` of a request: when its date's newest trade was executed (partner API, section 7).

    Where no trade is left and what was settled is taken back, the end of the window. In whole
    milliseconds, as it is sent. Version 1 has no such field.
    """
    if not partner.api_version.has_cutoff_at:
        return None
    cutoff_at = newest or window.end
    return cutoff_at.replace(microsecond=cutoff_at.microsecond // 1000 * 1000)


def plan_of(
    partner: PartnerFile,
    net: Positions,
    slots: Sequence[Slot],
    holds: Sequence[Hold],
    refusals: Sequence[Refusal],
) -> Plan:
    """The plan for the given net positions; the preview and the real build share it.

    :raises NotNettingError: for a broker whose amounts cannot be one request
    """
    on_hold = frozenset(each.connection_id for each in holds)
    owed = without_connections(difference(net, slots), on_hold)
    if partner.broker:
        return plan_of_broker(partner, owed, slots)
    return plan(owed, slots, partner.max_connections_per_request, refusals)


def plan_of_broker(partner: PartnerFile, owed: Positions, slots: Sequence[Slot]) -> Plan:
    """One request for all that is owed; if any of it must wait, all of it: the rest would not net.

    :raises NotNettingError: if it cannot be one request
    """
    planned = plan(owed, slots, max(1, len(owed)))
    if planned.waiting:
        return replace(plan({}, slots, 1), waiting=dict(owed))
    most = partner.max_connections_per_request
    require_one_netting_request(partner.name, [each.lines for each in planned.fills], most)
    return planned


def require_none_diverged(slots: Sequence[Slot]) -> None:
    """Refuse to build, or to send first, on a date of which nobody knows what is booked.

    :raises DivergedSlotError: naming the slots
    """
    diverged = [slot for slot in slots if slot.state is State.DIVERGED]
    if diverged:
        listed = "; ".join(f"{slot.external_id}: {slot.reason}" for slot in diverged)
        raise DivergedSlotError(
            f"{listed}. Nothing new is sent for this date until a person decides: `settlement "
            "decide` lists the question, `adopt` takes as booked what the partner shows, `leave` "
            "keeps the date red. What was left is taken later with `settlement record`"
        )


def require_known_connections(
    partner: PartnerFile, planned: Plan, connections: Sequence[PartnerConnection]
) -> None:
    """Refuse amounts for connections that the partner does not show, or shows inactive.

    :raises WarehouseDataError: naming them, before anything is signed
    """
    active = {each.id for each in connections if each.active}
    wanted = {line.connection_id for fill in planned.fills for line in fill.lines}
    missing = sorted(wanted - active)
    if missing:
        inactive = {each.id for each in connections if not each.active}
        named = [f"{each} ({'inactive' if each in inactive else 'unknown'})" for each in missing]
        raise WarehouseDataError(
            f"{partner.name}: trades name connections that the partner cannot settle: "
            f"{first_few(named)}. Correct the connection ids in the warehouse, or hold these "
            "clients for now (on the page of the date, or with `settlement hold`)",
            to_do=f"do one of these, then {CLEAR_COMPUTE}",
            partner=partner.name,
            connection_ids=missing,
        )
