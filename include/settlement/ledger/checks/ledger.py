"""What must hold in the ledger's tables at any time, whatever was done to it through this code.

Read only, in one snapshot of the database, so that runs may go on meanwhile. A break means that
somebody changed the tables by hand, or that a restore mixed two states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from settlement.ledger.bound_currencies import UnitsInForce, bound_decimals
from settlement.ledger.chain import read_events, require_unbroken
from settlement.ledger.checks import Audited, broken
from settlement.ledger.checks.dates import check_snapshots, check_trades, check_windows
from settlement.ledger.checks.questions import check_questions
from settlement.ledger.checks.slots import check_bodies, check_slots, check_transfers
from settlement.ledger.database import Ledger
from settlement.ledger.schema import chain_head
from settlement.values import PartnerName


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of invariant; `run` returns how many things it looked at."""

    name: str
    run: Callable[[Connection, Audited], int]


def verify_ledger(
    ledger: Ledger,
    partner: PartnerName,
    decimals: Mapping[str, int],
    on_checked: Callable[[str, int], None] = lambda _name, _count: None,
) -> dict[str, int]:
    """Check every invariant of one partner; how many things of each kind were looked at.

    :param decimals: of each currency in the partner file. They count only for currencies that the
        ledger never bound: older ledgers hold requests from before there were bindings
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


CHECKS = (
    Check("events", _check_chain),
    Check("currencies", _check_currencies),
    Check("windows", check_windows),
    Check("snapshots", check_snapshots),
    Check("slots", check_slots),
    Check("bodies", check_bodies),
    Check("questions", check_questions),
    Check("transfers", check_transfers),
    Check("trades", check_trades),
)
