"""Step 7: green means settled. Looks at the ledger's evidence, never at Airflow's states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from settlement.amounts import display
from settlement.config.partner_file import PartnerFile
from settlement.errors import NotSettledError
from settlement.errors.base import CLEAR_COMPUTE
from settlement.ledger.chain import append_event
from settlement.ledger.dates import FrozenDate, load_date
from settlement.ledger.forgotten_dates import forget_what_was_taken_back
from settlement.ledger.people.holds import held_connections
from settlement.ledger.schema import listing
from settlement.ledger.slots import load_slots
from settlement.ledger.snapshots import Snapshot, load_positions, newest_snapshot
from settlement.slot.difference import difference, without_connections
from settlement.slot.state import UNFINISHED, Slot, State
from settlement.steps.desk import Desk
from settlement.values import PartnerName, PositionKey, Positions
from settlement.wording import SHOWN, first_few

NOT_LISTED = (
    "the partner's settlements were not listed after the trades were read, so the ledger may not "
    "know all that is booked"
)
CAUSES_FIRST = (
    State.REFUSED,
    State.REJECTED,
    State.DIVERGED,
    State.FAILED,
    State.UNKNOWN,
    State.PENDING,
    State.PREPARED,
)
"""States that keep a date from being settled; each has a section of the runbook, of its name."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A date of which every position is settled, or held by a person's recorded decision."""

    business_date: date
    snapshot_id: int
    positions: int
    held: int
    completed: list[str]


def verify_settled(
    desk: Desk,
    business_date: date,
    *,
    since: datetime | None,
) -> Settled:
    """Prove from the ledger that nothing is left to settle for the date.

    :param since: the newest snapshot must be at least this new (when the run last froze a reading,
        or now): an older one would not have seen the trades that this run was started for
    :raises NotSettledError: naming the slots that are open, refused or rejected, in the partner's
        words and with one runbook section for each state, then what is left
    """
    with desk.ledger.transaction() as tx:
        proof = prove_settled(tx, desk.partner, business_date, since=since)
        if not proof.held:
            forget_what_was_taken_back(tx, desk.partner.name, business_date)
        append_event(
            tx,
            desk.partner.name,
            "settled",
            desk.actor,
            business_date=business_date,
            snapshot_id=proof.snapshot_id,
            positions=proof.positions,
            held=proof.held,
        )
    return proof


def prove_settled(
    tx: Connection, partner: PartnerFile, business_date: date, *, since: datetime | None
) -> Settled:
    """The same proof for readers: nothing is written.

    :raises NotSettledError: as `verify_settled` does
    """
    return proof_of(partner, business_date, load_facts(tx, partner.name, business_date), since)


@dataclass(frozen=True, slots=True)
class Listed:
    """The span over which the partner's list of settlements was read."""

    from_: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class DateFacts:
    """What the ledger holds about a date, and about its partner as far as that matters."""

    frozen: FrozenDate | None
    snapshot: Snapshot | None
    net: Positions
    slots: Sequence[Slot]
    held: frozenset[str]
    listed: Listed | None


def load_facts(tx: Connection, partner: PartnerName, business_date: date) -> DateFacts:
    """The facts of one date, as of this transaction."""
    snapshot = newest_snapshot(tx, partner, business_date)
    return DateFacts(
        frozen=load_date(tx, partner, business_date),
        snapshot=snapshot,
        net=load_positions(tx, snapshot.id) if snapshot else {},
        slots=load_slots(tx, partner, business_date),
        held=held_connections(tx, partner),
        listed=listed_spans(tx, [partner]).get(partner),
    )


def listed_spans(tx: Connection, partners: Sequence[PartnerName]) -> dict[PartnerName, Listed]:
    """Over what span each partner's list of settlements was read, where it ever was."""
    rows = tx.execute(select(listing).where(listing.c.partner.in_(partners)))
    return {row.partner: Listed(row.listed_from, row.listed_until) for row in rows}


def proof_of(
    partner: PartnerFile, business_date: date, facts: DateFacts, since: datetime | None = None
) -> Settled:
    """The proof over facts that are read already.

    :raises NotSettledError: as `verify_settled` does
    """
    frozen, snapshot = facts.frozen, facts.snapshot
    if frozen is None or snapshot is None:
        raise NotSettledError.of_date(
            partner.name,
            business_date,
            "no snapshot of the date's trades was ever taken.",
            to_do=CLEAR_COMPUTE,
        )
    if snapshot.generation != frozen.generation:
        raise NotSettledError.of_date(
            partner.name,
            business_date,
            f"the newest reading of the warehouse (generation {frozen.generation}) did not end in "
            "a snapshot.",
            to_do="see compute_net_positions of the run that took it, or clear it with its "
            "downstream tasks",
        )
    if since is not None and snapshot.taken_at < since:
        raise NotSettledError.of_date(
            partner.name,
            business_date,
            "the newest snapshot is older than this run.",
            to_do="compute_net_positions did not run; clear it with its downstream tasks",
        )
    owed = difference(facts.net, facts.slots)
    left = without_connections(owed, facts.held)
    causes = list(_describe_slots(facts.slots, left))
    problems = [*causes, *_describe_difference(left, partner.currencies)]
    if not _listed_since(facts.listed, snapshot):
        problems.append(NOT_LISTED)
    if problems:
        to_do = None if causes else CLEAR_COMPUTE
        raise NotSettledError.of_date(partner.name, business_date, problems, to_do=to_do)
    completed = [each.external_id for each in facts.slots if each.state is State.COMPLETED]
    return Settled(business_date, snapshot.id, len(facts.net), len(owed), completed)


def _listed_since(listed: Listed | None, snapshot: Snapshot) -> bool:
    """Whether the partner's list was read after the trades: a lost ledger knows nothing else."""
    if listed is None:
        return False
    return listed.from_ <= snapshot.window.start and listed.until >= snapshot.taken_at


def _describe_slots(slots: Sequence[Slot], left: Positions) -> Iterator[str]:
    """A line for each state, causes first: a no of the partner's explains what is left."""
    for state in CAUSES_FIRST:
        named = [
            f"{each.external_id} is {state.value}{f' ({each.reason})' if each.reason else ''}"
            for each in slots
            if each.state is state and (state in UNFINISHED or _holds_any(each, left))
        ]
        if named:
            yield f"{first_few(named, between='; ')} [runbook: {state.value}]"


def _holds_any(slot: Slot, left: Positions) -> bool:
    return slot.current is not None and any(key in left for key in slot.current.positions)


def _describe_difference(left: Positions, currencies: Mapping[str, int]) -> list[str]:
    if not left:
        return []
    keys: list[PositionKey] = sorted(left)
    shown = [
        f"{key.connection_id} {display(left[key], currencies.get(key.currency, 0))} {key.currency}"
        for key in keys[:SHOWN]
    ]
    listed = first_few(shown, count=len(keys), between="; ")
    return [f"{len(keys)} position(s) still differ: {listed}"]
