"""One name, one account: what a partner's name is bound to at its first use."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.exc import IntegrityError

from settlement.config.partner_file import PartnerFile
from settlement.errors import BindingConflictError
from settlement.ledger.bound_currencies import rebind_decimals, require_bound_decimals
from settlement.ledger.chain import append_event
from settlement.ledger.database import clock
from settlement.ledger.schema import binding
from settlement.values import Actor

BOUND_FIELDS = ("api_base_url", "enterprise_id", "amounts", "api_version")
_BINDING = select(binding).where(binding.c.partner == bindparam("partner"))


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
            f"`settlement bind {partner.name}`",
            partner=partner.name,
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
        "api_version": partner.api_version.text,
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
            f"partner than {name}: one account has one name; rename the partner file back",
            partner=name,
        ) from error
