"""What must hold in the ledger's tables at any time, whatever was done to it through this code.

Read only, in one snapshot of the database, so that runs may go on meanwhile. A break means that
somebody changed the tables by hand, or that a restore mixed two states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from settlement.ledger.bound_currencies import UnitsInForce, bound_decimals
from settlement.ledger.chain import read_events, require_unbroken
from settlement.ledger.checks.questions import check_questions
from settlement.ledger.checks.slots import Audited, broken, check_bodies, check_slots
from settlement.ledger.checks.trades import check_trades
from settlement.ledger.checks.transfers import check_transfers
from settlement.ledger.database import Ledger
from settlement.ledger.schema import business_date, chain_head, snapshot
from settlement.ledger.snapshots import digested, stream_positions


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of invariant; `run` returns how many things it looked at."""

    name: str
    run: Callable[[Connection, Audited], int]


def verify_ledger(
    ledger: Ledger,
    partner: str,
    decimals: Mapping[str, int],
    on_checked: Callable[[str, int], None] = lambda _name, _count: None,
) -> dict[str, int]:
    """Check every invariant of one partner; how many things of each kind were looked at.

    :param decimals: of each currency in the partner file; only those count that the ledger has not
        bound, as ledgers from before did not
    :param on_checked: called after each kind, with its name and count
    :raises ChainBrokenError: naming the first thing that does not hold
    """
    counts: dict[str, int] = {}
    with ledger.transaction() as tx:
        tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        audited = Audited(partner, decimals)
        for check in CHECKS:
            counts[check.name] = check.run(tx, audited)
            on_checked(check.name, counts[check.name])
    return counts


def partners_in_ledger(ledger: Ledger) -> list[str]:
    """Names of all partners that the ledger holds anything of, sorted."""
    query = select(chain_head.c.partner).order_by(chain_head.c.partner)
    with ledger.transaction() as tx:
        return list(tx.execute(query).scalars())


def _check_chain(tx: Connection, audited: Audited) -> int:
    return require_unbroken(tx, audited.partner)


def _check_currencies(tx: Connection, audited: Audited) -> int:
    """Decimals of currencies are the ones that were bound last."""
    units = UnitsInForce()
    for event in read_events(tx, audited.partner):
        units.follow(event)
    held = bound_decimals(tx, audited.partner)
    for currency in sorted(held.keys() | units.bound.keys()):
        is_held, in_event = held.get(currency), units.bound.get(currency)
        if is_held != in_event:
            raise broken(
                f"the decimals of {currency} of {audited.partner} are {is_held}, but "
                f"{in_event} were bound"
            )
    return len(held)


def _check_windows(tx: Connection, audited: Audited) -> int:
    """Windows are the ones that were frozen, and no trading time belongs to two dates."""
    frozen = {
        event.business_date: event.details["window"]
        for event in read_events(tx, audited.partner)
        if event.kind == "window frozen" and event.business_date is not None
    }
    query = select(business_date).where(business_date.c.partner == audited.partner)
    rows = tx.execute(query.order_by(business_date.c.business_date)).all()
    before = None
    for row in rows:
        named = f"business date {row.business_date} of {audited.partner}"
        window = f"[{row.window_start.isoformat()}, {row.window_end.isoformat()})"
        if frozen.get(row.business_date) != window:
            raise broken(f"{named} has window {window}, not {frozen.get(row.business_date)}")
        if before is not None and row.window_start < before.window_end:
            raise broken(f"{named} begins before {before.business_date} ends: windows overlap")
        before = row
    missing = sorted(frozen.keys() - {row.business_date for row in rows})
    if missing:
        raise broken(f"business date {missing[0]} of {audited.partner} is gone")
    return len(rows)


def _check_snapshots(tx: Connection, audited: Audited) -> int:
    """Each snapshot still holds the positions that were frozen with it."""
    frozen = {
        event.details["snapshot_id"]: event.details["positions_digest"]
        for event in read_events(tx, audited.partner)
        if event.kind == "snapshot frozen"
    }
    query = select(snapshot).where(snapshot.c.partner == audited.partner).order_by(snapshot.c.id)
    rows = tx.execute(query).all()
    for row in rows:
        named = f"snapshot {row.id} of {audited.partner} {row.business_date}"
        if frozen.get(row.id) != row.positions_digest:
            raise broken(f"{named} is not the one that its event names")
        count, digest = _digest_of_positions(tx, row.id)
        if (count, digest) != (row.position_count, row.positions_digest):
            raise broken(f"the net positions of {named} are not the ones that were frozen")
    missing = sorted(frozen.keys() - {row.id for row in rows})
    if missing:
        raise broken(f"snapshot {missing[0]} of {audited.partner} is gone")
    return len(rows)


def _digest_of_positions(tx: Connection, snapshot_id: int) -> tuple[int, str]:
    hashed = hashlib.sha256()
    count = 0
    for each in stream_positions(tx, snapshot_id):
        hashed.update(digested(*each))
        count += 1
    return count, hashed.hexdigest()


CHECKS = (
    Check("events", _check_chain),
    Check("currencies", _check_currencies),
    Check("windows", _check_windows),
    Check("snapshots", _check_snapshots),
    Check("slots", check_slots),
    Check("bodies", check_bodies),
    Check("questions", check_questions),
    Check("transfers", check_transfers),
    Check("trades", check_trades),
)
