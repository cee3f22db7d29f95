"""Facts of many business dates of several partners, read by kinds for all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from settlement.ledger.database import clock
from settlement.ledger.date_proofs import DateKey, DateProof, date_proofs
from settlement.ledger.people.closings import Closing, closed_dates
from settlement.ledger.people.holds import Hold, holds_of_partners
from settlement.ledger.people.question import Question
from settlement.ledger.people.questions import open_questions_of
from settlement.ledger.people.stop import Stop, stops_of_partners
from settlement.ledger.schema import slot
from settlement.ledger.slots import load_slots_of_dates
from settlement.ledger.snapshots import load_positions_of_snapshots, newest_snapshots_of_dates
from settlement.slot.state import State
from settlement.steps.verify import DateFacts, listed_spans
from settlement.values import PartnerName


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ledger holds about partners and their dates.

    `unproved`: facts of the dates that the gate's newest proof does not cover, or not without
    connections on hold. `since`: per externalId of such dates, when it was first sent or last
    changed. `requests`: per date and state, how many there are.
    """

    at: datetime
    proofs: Mapping[DateKey, DateProof]
    unproved: Mapping[DateKey, DateFacts]
    since: Mapping[str, datetime]
    requests: Mapping[DateKey, Mapping[State, int]]
    stops: Mapping[PartnerName, Stop]
    holds: Mapping[PartnerName, Sequence[Hold]]
    closed: Mapping[DateKey, Closing]
    questions: Sequence[Question]


def read_facts(tx: Connection, partners: Sequence[PartnerName]) -> Facts:
    """The facts of all dates of these partners."""
    proofs = date_proofs(tx, partners)
    keys = [key for key, each in proofs.items() if not (each.proved and each.held == 0)]
    snapshots = newest_snapshots_of_dates(tx, keys)
    nets = load_positions_of_snapshots(tx, [each.id for each in snapshots.values()])
    slots = load_slots_of_dates(tx, keys)
    holds, listed = holds_of_partners(tx, partners), listed_spans(tx, partners)
    unproved = {
        key: DateFacts(
            frozen=proofs[key].frozen,
            snapshot=snapshots.get(key),
            net=nets.get(snapshots[key].id, {}) if key in snapshots else {},
            slots=slots.get(key, []),
            held=frozenset(each.connection_id for each in holds.get(key[0], ())),
            listed=listed.get(key[0]),
        )
        for key in keys
    }
    open_ids = [each.external_id for of_date in slots.values() for each in of_date]
    return Facts(
        at=clock(tx),
        proofs=proofs,
        unproved=unproved,
        since=since_when(tx, open_ids),
        requests=_requests_by_state(tx, partners),
        stops=stops_of_partners(tx, partners),
        holds=holds,
        closed=closed_dates(tx, partners),
        questions=open_questions_of(tx, partners),
    )


def since_when(tx: Connection, external_ids: Sequence[str]) -> dict[str, datetime]:
    """When each request was first sent, or last changed if it never was."""
    since = func.coalesce(slot.c.first_sent_at, slot.c.updated_at).label("since")
    query = select(slot.c.external_id, since).where(slot.c.external_id.in_(external_ids))
    return {row.external_id: row.since for row in tx.execute(query)}


def _requests_by_state(
    tx: Connection, partners: Sequence[PartnerName]
) -> dict[DateKey, dict[State, int]]:
    query = (
        select(slot.c.partner, slot.c.business_date, slot.c.state, func.count().label("requests"))
        .where(slot.c.partner.in_(partners))
        .group_by(slot.c.partner, slot.c.business_date, slot.c.state)
    )
    found: dict[DateKey, dict[State, int]] = {}
    for row in tx.execute(query):
        of_date = found.setdefault((row.partner, row.business_date), {})
        of_date[State(row.state)] = row.requests
    return found
