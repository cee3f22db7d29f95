"""Windows that a ledger has forgotten, and that the notes of adopted settlements prove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import WindowConflictError
from settlement.ledger.dates import freeze_window, lock_windows
from settlement.ledger.schema import body, business_date, slot
from settlement.request.external_id import parse_external_id
from settlement.slot.state import State
from settlement.values import Actor, PartnerName, Window
from settlement.wording import first_few

SHOWN = 3
_CURRENT = and_(
    body.c.external_id == slot.c.external_id,
    body.c.number == slot.c.current_body,
)
_OF_DATE = and_(
    business_date.c.partner == slot.c.partner,
    business_date.c.business_date == slot.c.business_date,
)
_UNEXPLAINED = (
    select(
        slot.c.external_id,
        slot.c.business_date,
        body.c.window_start,
        body.c.window_end,
        business_date.c.window_start.label("frozen_start"),
        business_date.c.window_end.label("frozen_end"),
    )
    .outerjoin(body, _CURRENT)
    .outerjoin(business_date, _OF_DATE)
    .where(
        slot.c.partner == bindparam("of_partner"),
        or_(
            business_date.c.window_start.is_(None),
            body.c.window_start != business_date.c.window_start,
            body.c.window_end != business_date.c.window_end,
        ),
    )
    .order_by(slot.c.business_date, slot.c.external_id)
)
_WITHOUT_TRANSFERS = (
    select(slot.c.external_id)
    .outerjoin(business_date, _OF_DATE)
    .where(
        slot.c.partner == bindparam("of_partner"),
        slot.c.state == State.WITHDRAWN.value,
        business_date.c.business_date.is_(None),
    )
    .order_by(slot.c.external_id)
)
_IN_THE_WAY = select(business_date.c.business_date).where(
    business_date.c.partner == bindparam("of_partner"),
    or_(
        business_date.c.business_date == bindparam("of_date"),
        and_(
            business_date.c.window_start < bindparam("window_end"),
            business_date.c.window_end > bindparam("window_start"),
        ),
    ),
)


def found_without_transfers(tx: Connection, partner: PartnerName) -> list[str]:
    """Requests of dates without a window, of which the partner has shown no amounts yet.

    Nothing was ever built for such a date, so a slot of it that holds nothing was found there.
    """
    return list(tx.execute(_WITHOUT_TRANSFERS, {"of_partner": partner}).scalars())


def take_proven_windows(tx: Connection, partner: PartnerFile, actor: Actor) -> None:
    """Freeze the windows of settled dates that the ledger has forgotten.

    Which trades a settlement was for is never asked of the partner file: it may have been edited
    since, and trades between two cut-offs would be settled under two dates. Slots that were adopted
    earlier count too, so the ledger is asked, not what one listing has shown.

    :raises WindowConflictError: if what is booked fits neither the ledger's windows nor, where no
        notes tell the window, the calendar of the partner file
    """
    unexplained = _unexplained(tx, partner)
    if any(each.frozen_start is None and each.window_start is not None for each in unexplained):
        lock_windows(tx, partner.name)
        for each in _unexplained(tx, partner):
            _freeze(tx, partner.name, each, actor)
        unexplained = _unexplained(tx, partner)
    contradicted = [each for each in unexplained if each.window_start is not None]
    if contradicted:
        raise _contradicted(partner, contradicted)
    calendar = BusinessCalendar(partner)
    strange = [
        each.external_id
        for each in unexplained
        if parse_external_id(each.external_id) is not None
        and not calendar.is_business_date(each.business_date)
    ]
    if strange:
        raise _strange(partner, strange)


def _unexplained(tx: Connection, partner: PartnerFile) -> Sequence[Row[Any]]:
    """Slots of dates without a window, or with another one than their settlement's."""
    return tx.execute(_UNEXPLAINED, {"of_partner": partner.name}).all()


def _freeze(tx: Connection, partner: PartnerName, settled: Row[Any], actor: Actor) -> None:
    """Freeze what the settlement's notes prove, unless trading time would belong to two dates."""
    if settled.frozen_start is not None or settled.window_start is None:
        return
    window = Window(settled.window_start, settled.window_end)
    named = {
        "of_partner": partner,
        "of_date": settled.business_date,
        "window_start": window.start,
        "window_end": window.end,
    }
    if tx.execute(_IN_THE_WAY, named).first() is None:
        freeze_window(tx, partner, settled.business_date, window, actor)


def _contradicted(partner: PartnerFile, slots: Sequence[Row[Any]]) -> WindowConflictError:
    first = slots[0]
    booked = Window(first.window_start, first.window_end)
    if first.frozen_start is None:
        held = "has given part of that time to another date"
    else:
        held = f"has {Window(first.frozen_start, first.frozen_end)} for that date"
    listed = first_few([each.external_id for each in slots], SHOWN)
    return WindowConflictError(
        f"{partner.name}: {listed} contradicts this ledger. According to its notes, "
        f"{first.external_id} settled the trades of {booked}, but the ledger {held}. Nothing is "
        "sent. Another ledger sent these requests: restore that one, or begin with an empty "
        "ledger, which takes its windows from the partner (docs/backup.md)",
        partner=partner.name,
        external_id=first.external_id,
    )


def _strange(partner: PartnerFile, external_ids: Sequence[str]) -> WindowConflictError:
    return WindowConflictError(
        f"{partner.name}: the partner shows {first_few(external_ids, SHOWN)} for a date that is no "
        "business date according to the partner file. No notes say which trades it settled, and "
        "the ledger has no window of that date. Nothing is sent. Restore the calendar that held on "
        "that date, and begin again with an empty ledger (docs/backup.md)",
        partner=partner.name,
    )
