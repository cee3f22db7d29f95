"""The stop flag: while it is up, nothing is sent for the partner."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from settlement.errors import ConfigurationError, StoppedError
from settlement.ledger.chain import append_event
from settlement.ledger.database import clock
from settlement.ledger.schema import stop_flag
from settlement.values import Actor, PartnerName

_STOP = select(stop_flag).where(stop_flag.c.partner == bindparam("partner"))


@dataclass(frozen=True, slots=True)
class Stop:
    """The stop flag of a partner: nothing is sent while it is up."""

    reason: str
    who: str
    at: datetime


def stop_of(tx: Connection, partner: PartnerName) -> Stop | None:
    """The stop flag, or None if it is down."""
    row = tx.execute(_STOP, {"partner": partner}).one_or_none()
    return Stop(row.reason, row.who, row.at) if row is not None else None


def stops_of_partners(tx: Connection, partners: Collection[PartnerName]) -> dict[PartnerName, Stop]:
    """The stop flags that are up."""
    rows = tx.execute(select(stop_flag).where(stop_flag.c.partner.in_(partners)))
    return {row.partner: Stop(row.reason, row.who, row.at) for row in rows}


def raise_stop(tx: Connection, partner: PartnerName, reason: str, actor: Actor) -> None:
    """Put the stop flag up: from now on nothing is sent for the partner."""
    values = {"partner": partner, "reason": reason, "who": actor.who, "at": clock(tx)}
    statement = insert(stop_flag).values(values)
    tx.execute(statement.on_conflict_do_update(index_elements=["partner"], set_=values))
    append_event(tx, partner, "stopped", actor, reason=reason)


def lower_stop(tx: Connection, partner: PartnerName, reason: str, actor: Actor) -> None:
    """Take the stop flag down.

    :raises ConfigurationError: if it is not up
    """
    gone = tx.execute(
        stop_flag.delete().where(stop_flag.c.partner == partner).returning(stop_flag.c.partner)
    ).one_or_none()
    if gone is None:
        raise ConfigurationError(
            f"partner {partner} is not stopped: nothing to do", partner=partner
        )
    append_event(tx, partner, "resumed", actor, reason=reason)


def require_go(tx: Connection, partner: PartnerName) -> None:
    """Read right before every send, in the transaction that writes the attempt row.

    :raises StoppedError: if the stop flag is up
    """
    stop = stop_of(tx, partner)
    if stop is not None:
        raise stopped(partner, stop)


def stopped(partner: PartnerName, stop: Stop) -> StoppedError:
    """The error for whatever would be sent while the flag is up."""
    return StoppedError(partner, who=stop.who, since=stop.at, reason=stop.reason)
