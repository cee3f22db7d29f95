"""What people decide: bindings, holds, the stop flag, foreign settlements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from settlement.errors import BindingConflictError, ConfigurationError, StoppedError
from settlement.ledger.bound_currencies import rebind_decimals, require_bound_decimals
from settlement.ledger.chain import append_event
from settlement.ledger.database import NOW, clock
from settlement.ledger.schema import binding, hold, ignored_settlement, stop_flag
from settlement.partner_file import PartnerFile
from settlement.values import Actor

BOUND_FIELDS = ("api_base_url", "enterprise_id", "amounts", "api_version")
_BINDING = select(binding).where(binding.c.partner == bindparam("partner"))
_STOP = select(stop_flag).where(stop_flag.c.partner == bindparam("partner"))
_HOLDS = (
    select(hold)
    .where(hold.c.partner == bindparam("partner"), hold.c.until.is_(None) | (hold.c.until > NOW))
    .order_by(hold.c.connection_id)
)


@dataclass(frozen=True, slots=True)
class Hold:
    """A connection that takes no part in settlements until `until`, or until it is lifted."""

    connection_id: str
    partner: str
    reason: str
    who: str
    at: datetime
    until: datetime | None


def require_binding(tx: Connection, partner: PartnerFile, base_url: str, actor: Actor) -> None:
    """One name, one account: bind at first use, refuse anything else afterwards.

    The currencies that were used must have the decimals that they had then.

    :raises BindingConflictError: naming what differs from the binding
    """
    require_bound_decimals(tx, partner)
    wanted = bound_values(partner, base_url)
    held = binding_of(tx, partner.name)
    if held is None:
        try:
            _insert_binding(tx, partner.name, wanted)
        except BindingConflictError:
            held = binding_of(tx, partner.name)
            if held is None:
                raise
        else:
            append_event(tx, partner.name, "bound", actor, bound_to=wanted)
            return
    differing = [field for field in BOUND_FIELDS if held[field] != wanted[field]]
    if differing:
        was = ", ".join(f"{field}={held[field]}" for field in differing)
        now = ", ".join(f"{field}={wanted[field]}" for field in differing)
        raise BindingConflictError(
            f"partner {partner.name} is bound to {was}, this run says {now}: undo the edit of the "
            f"partner file or Airflow connection, or change the binding on purpose with "
            f"`settlement bind {partner.name}`"
        )


def rebind(
    tx: Connection, partner: PartnerFile, base_url: str, reason: str, actor: Actor
) -> dict[str, dict[str, int | None]]:
    """Change the binding on purpose, and the decimals of currencies that the file changes or drops.

    :return: old and new decimals of those currencies
    :raises BindingConflictError: if another partner is bound to this account
    """
    wanted = bound_values(partner, base_url)
    tx.execute(binding.delete().where(binding.c.partner == partner.name))
    _insert_binding(tx, partner.name, wanted)
    decimals = rebind_decimals(tx, partner)
    append_event(
        tx, partner.name, "rebound", actor, reason=reason, bound_to=wanted, decimals=decimals
    )
    return decimals


def bound_values(partner: PartnerFile, base_url: str) -> dict[str, str]:
    """What the partner's name is bound to by this partner file and this account."""
    return {
        "api_base_url": base_url,
        "enterprise_id": partner.enterprise_id,
        "amounts": partner.amounts,
        "api_version": partner.api_version,
    }


def binding_of(tx: Connection, name: str) -> dict[str, str] | None:
    """What the partner's name is bound to, or None before its first use."""
    row = tx.execute(_BINDING, {"partner": name}).one_or_none()
    return {field: getattr(row, field) for field in BOUND_FIELDS} if row else None


def _insert_binding(tx: Connection, name: str, wanted: dict[str, str]) -> None:
    try:
        with tx.begin_nested():
            tx.execute(binding.insert().values(partner=name, bound_at=clock(tx), **wanted))
    except IntegrityError as error:
        raise BindingConflictError(
            f"enterprise {wanted['enterprise_id']} at {wanted['api_base_url']} is bound to another "
            f"partner than {name}: one account has one name; rename the partner file back"
        ) from error


def raise_stop(tx: Connection, partner: str, reason: str, actor: Actor) -> None:
    """Put the stop flag up: from now on nothing is sent for the partner."""
    values = {"partner": partner, "reason": reason, "who": actor.who, "at": clock(tx)}
    statement = insert(stop_flag).values(values)
    tx.execute(statement.on_conflict_do_update(index_elements=["partner"], set_=values))
    append_event(tx, partner, "stopped", actor, reason=reason)


def lower_stop(tx: Connection, partner: str, reason: str, actor: Actor) -> None:
    """Take the stop flag down.

    :raises ConfigurationError: if it is not up
    """
    gone = tx.execute(
        stop_flag.delete().where(stop_flag.c.partner == partner).returning(stop_flag.c.partner)
    ).one_or_none()
    if gone is None:
        raise ConfigurationError(f"partner {partner} is not stopped: nothing to do")
    append_event(tx, partner, "resumed", actor, reason=reason)


def require_go(tx: Connection, partner: str) -> None:
    """Read right before every send, in the transaction that writes the attempt row.

    :raises StoppedError: if the stop flag is up
    """
    row = tx.execute(_STOP, {"partner": partner}).one_or_none()
    if row is not None:
        raise StoppedError(
            f"partner {partner} is stopped by {row.who} since {row.at.isoformat()} "
            f"({row.reason}): nothing is sent. "
            f"Next step: when it is over, `settlement go {partner}` lifts it; then clear this task"
        )


def put_on_hold(
    tx: Connection,
    partner: str,
    connection_id: str,
    reason: str,
    until: datetime | None,
    actor: Actor,
) -> None:
    """Hold a connection: its amounts are left out of every build until then."""
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


def lift_hold(tx: Connection, partner: str, connection_id: str, reason: str, actor: Actor) -> None:
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
            f"connection {connection_id} of {partner} is not on hold: nothing to do"
        )
    append_event(tx, partner, "released", actor, connection_id=connection_id, reason=reason)


def holds_in_force(tx: Connection, partner: str) -> list[Hold]:
    """Holds that apply now."""
    return [
        Hold(row.connection_id, row.partner, row.reason, row.who, row.at, row.until)
        for row in tx.execute(_HOLDS, {"partner": partner})
    ]


def held_connections(tx: Connection, partner: str) -> frozenset[str]:
    """Connections on hold now."""
    return frozenset(each.connection_id for each in holds_in_force(tx, partner))


def ignore_settlement(
    tx: Connection, partner: str, settlement_id: str, external_id: str, reason: str, actor: Actor
) -> None:
    """Decide that a foreign settlement is none of this project's business."""
    tx.execute(
        insert(ignored_settlement)
        .values(
            partner=partner,
            settlement_id=settlement_id,
            external_id=external_id,
            reason=reason,
            who=actor.who,
            at=clock(tx),
        )
        .on_conflict_do_nothing()
    )
    append_event(
        tx,
        partner,
        "settlement ignored",
        actor,
        external_id=external_id,
        settlement_id=settlement_id,
        reason=reason,
    )


def ignored_among(tx: Connection, partner: str, settlement_ids: Iterable[str]) -> set[str]:
    """Those of the settlements that a person decided to ignore."""
    return set(
        tx.execute(
            select(ignored_settlement.c.settlement_id).where(
                ignored_settlement.c.partner == partner,
                ignored_settlement.c.settlement_id.in_(list(settlement_ids)),
            )
        ).scalars()
    )
