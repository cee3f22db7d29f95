"""Holds: connections that take no part in settlements for a while."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Connection, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from settlement.errors import ConfigurationError
from settlement.ledger.chain import append_event
from settlement.ledger.database import NOW, clock
from settlement.ledger.schema import hold
from settlement.values import Actor, PartnerName

_IN_FORCE = select(hold).where(hold.c.until.is_(None) | (hold.c.until > NOW))
_HOLDS = _IN_FORCE.where(hold.c.partner == bindparam("partner")).order_by(hold.c.connection_id)
_HOLDS_OF_ALL = _IN_FORCE.where(
    hold.c.partner == any_(bindparam("partners", type_=ARRAY(Text)))
).order_by(hold.c.partner, hold.c.connection_id)


@dataclass(frozen=True, slots=True)
class Hold:
    """A connection that takes no part in settlements until `until`, or until it is lifted."""

    connection_id: str
    partner: PartnerName
    reason: str
    who: str
    at: datetime
    until: datetime | None


def put_on_hold(  # noqa: PLR0913, PLR0917 - who, why, until when and by whom
    tx: Connection,
    partner: PartnerName,
    connection_id: str,
    reason: str,
    until: datetime | None,
    actor: Actor,
) -> None:
    """Hold a connection: its amounts are left out of every build until then, or until lifted."""
    values = {
        "partner": partner,
        "connection_id": connection_id,
        "reason": reason,
        "who": actor.who,
        "at": clock(tx),
        "until": until,
    }
    statement = insert(hold).values(values)
    tx.execute(
        statement.on_conflict_do_update(index_elements=["connection_id", "partner"], set_=values)
    )
    append_event(
        tx,
        partner,
        "held",
        actor,
        connection_id=connection_id,
        reason=reason,
        until=until.isoformat() if until else None,
    )


def lift_hold(
    tx: Connection, partner: PartnerName, connection_id: str, reason: str, actor: Actor
) -> None:
    """End a hold before its time.

    :raises ConfigurationError: if the connection is not on hold
    """
    gone = tx.execute(
        hold.delete()
        .where(hold.c.partner == partner, hold.c.connection_id == connection_id)
        .returning(hold.c.connection_id)
    ).one_or_none()
    if gone is None:
        raise ConfigurationError(
            f"connection {connection_id} of {partner} is not on hold: nothing to do",
            partner=partner,
            connection_ids=[connection_id],
        )
    append_event(tx, partner, "released", actor, connection_id=connection_id, reason=reason)


def holds_in_force(tx: Connection, partner: PartnerName) -> list[Hold]:
    """Holds that apply now."""
    return [
        Hold(row.connection_id, row.partner, row.reason, row.who, row.at, row.until)
        for row in tx.execute(_HOLDS, {"partner": partner})
    ]


def holds_of_partners(
    tx: Connection, partners: Collection[PartnerName]
) -> dict[PartnerName, list[Hold]]:
    """The same for several partners; nothing for one without holds."""
    found: dict[PartnerName, list[Hold]] = {}
    for row in tx.execute(_HOLDS_OF_ALL, {"partners": list(partners)}):
        each = Hold(row.connection_id, row.partner, row.reason, row.who, row.at, row.until)
        found.setdefault(row.partner, []).append(each)
    return found


def held_connections(tx: Connection, partner: PartnerName) -> frozenset[str]:
    """Connections on hold now."""
    return frozenset(each.connection_id for each in holds_in_force(tx, partner))
