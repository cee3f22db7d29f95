"""Decimals of the currencies that a partner has used: bound at first use, changed on purpose.

Base units mean nothing without their decimals. Edited afterwards, they would turn every amount that
is sent, read or shown into another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, select

from settlement.config.partner_file import PartnerFile
from settlement.errors import BindingConflictError
from settlement.ledger.chain import Event, append_event, lock_chain
from settlement.ledger.database import clock
from settlement.ledger.schema import bound_currency
from settlement.values import Actor

FULL_UNITS = "full_units"
_BOUND = (
    select(bound_currency.c.currency, bound_currency.c.decimals)
    .where(bound_currency.c.partner == bindparam("partner"))
    .order_by(bound_currency.c.currency)
)


def bound_decimals(tx: Connection, name: str) -> dict[str, int]:
    """Decimals of every currency that the partner of this name has used, by currency."""
    return dict(tx.execute(_BOUND, {"partner": name}).tuples().all())


def require_bound_decimals(tx: Connection, partner: PartnerFile) -> None:
    """Make sure that the partner file says the decimals that are bound; it may know more.

    :raises BindingConflictError: naming the currencies that it changes or drops
    """
    conflict = decimals_conflict(partner, bound_decimals(tx, partner.name))
    if conflict is not None:
        raise BindingConflictError(conflict, partner=partner.name)


def decimals_conflict(partner: PartnerFile, bound: Mapping[str, int]) -> str | None:
    """What the partner file says otherwise than is bound, with the next step; None if nothing."""
    changed = _changes(bound, partner.currencies)
    if not changed:
        return None
    listed = ", ".join(
        f"{currency} has {_described(change['is'])} in {partner.name}.toml and {change['was']} in "
        "the ledger"
        for currency, change in changed.items()
    )
    return (
        f"partner {partner.name}: {listed}. Nothing is sent: every such amount would become "
        "another one. Undo the edit of [currencies]. Only if the unit of amounts in the warehouse "
        f"has really changed: `settlement bind {partner.name}`"
    )


def bind_decimals(tx: Connection, partner: PartnerFile, used: Iterable[str], actor: Actor) -> None:
    """Bind currencies that are used for the first time, as the partner file has them.

    Done in the transaction that uses them: that freezes a snapshot, or takes in amounts that the
    partner shows.

    :raises BindingConflictError: if one is bound to other decimals meanwhile
    """
    used = set(used) & partner.currencies.keys()
    if not used <= bound_decimals(tx, partner.name).keys():
        lock_chain(tx, partner.name)  # one at a time: two dates may use a currency at once
        bound = bound_decimals(tx, partner.name)
        now_used = {each: partner.currencies[each] for each in sorted(used - bound.keys())}
        _store(tx, partner.name, now_used)
        changes = {each: {"was": None, "is": decimals} for each, decimals in now_used.items()}
        append_event(tx, partner.name, "currencies bound", actor, decimals=changes)
    require_bound_decimals(tx, partner)


def rebind_decimals(tx: Connection, partner: PartnerFile) -> dict[str, dict[str, int | None]]:
    """Bind what is bound to what the partner file says now, on purpose.

    :return: old and new decimals of what changed, for the event; None: it is not bound any more
    """
    lock_chain(tx, partner.name)
    changes = _changes(bound_decimals(tx, partner.name), partner.currencies)
    tx.execute(
        bound_currency.delete().where(
            bound_currency.c.partner == partner.name, bound_currency.c.currency.in_(changes)
        )
    )
    kept = {each: change["is"] for each, change in changes.items() if change["is"] is not None}
    _store(tx, partner.name, kept)
    return changes


class UnitsInForce:
    """How amounts are written, followed along the events of a partner's chain.

    `full_units`: whether amounts are decimals. `bound`: decimals by currency; an event never
    changes the mapping, it makes another. `first`: what each currency was bound to first.
    """

    def __init__(self) -> None:
        self.full_units = False
        self.bound: Mapping[str, int] = {}
        self.first: dict[str, int] = {}

    def follow(self, event: Event) -> None:
        """Take in what an event says about units."""
        if "bound_to" in event.details:
            self.full_units = event.details["bound_to"]["amounts"] == FULL_UNITS
        changes = event.details.get("decimals")
        if changes:
            now = {each: change["is"] for each, change in changes.items()}
            self.bound = {
                each: decimals
                for each, decimals in {**self.bound, **now}.items()
                if decimals is not None
            }
            self.first = {**self.bound, **self.first}


def _changes(bound: Mapping[str, int], file: Mapping[str, int]) -> dict[str, dict[str, int | None]]:
    return {
        currency: {"was": decimals, "is": file.get(currency)}
        for currency, decimals in bound.items()
        if file.get(currency) != decimals
    }


def _described(decimals: int | None) -> str:
    return "no decimals" if decimals is None else f"{decimals} decimals"


def _store(tx: Connection, name: str, decimals: Mapping[str, int]) -> None:
    if decimals:
        now = clock(tx)
        rows = [
            {"partner": name, "currency": each, "decimals": places, "bound_at": now}
            for each, places in decimals.items()
        ]
        tx.execute(bound_currency.insert(), rows)
