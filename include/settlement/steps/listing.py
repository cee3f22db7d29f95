"""Before a window is frozen and before building: what the partner shows and the ledger forgot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import ForeignSettlementError, OutcomeUnknownError
from settlement.ledger.bound_currencies import bind_decimals
from settlement.ledger.chain import append_event
from settlement.ledger.database import NOW, clock
from settlement.ledger.dates import load_date
from settlement.ledger.folding import apply_evidence
from settlement.ledger.people.ignored import ignored_among
from settlement.ledger.proven_windows import found_without_transfers, take_proven_windows
from settlement.ledger.schema import listing, slot
from settlement.ledger.slots import load_slot, open_slot
from settlement.partner.answers import Settlement
from settlement.request.external_id import parse_external_id
from settlement.slot.state import State
from settlement.steps.desk import Desk
from settlement.steps.look_up import connections_by_account, look_up, shown_by
from settlement.values import PartnerName
from settlement.wording import first_few

OVERLAP = timedelta(hours=1)
"""Read again each time: the partner's clock may differ, and its list may lag behind."""
EARLIEST_ZONE = timedelta(hours=14)
"""Ahead of UTC: nowhere does a date begin earlier."""


def adopt_unknown_settlements(desk: Desk, business_date: date) -> list[str]:
    """List all that may concern the trades of a date and take into the ledger what is ours.

    That heals a ledger that was lost or restored from an old copy: slots, and the windows of their
    dates; those of the dates before it too, within `look_back`, since trades may have moved from
    there. Returns the externalIds whose slots were brought up to date.

    :raises ForeignSettlementError: if a settlement can be placed nowhere and must not be ignored
    :raises WindowConflictError: if a settlement and the windows of this ledger contradict
    :raises OutcomeUnknownError: if a look-up fails, or the partner does not show yet what such a
        settlement moves
    :raises CredentialsError: if the partner refuses to show anything
    """
    with desk.ledger.transaction() as tx:
        concerning = _may_concern(tx, desk.partner, business_date)
        start, started = _listing_start(tx, desk.partner.name, concerning - desk.partner.look_back)
    shown = desk.reader.settlements_created_since(start)
    news = _news(desk, shown) if shown else []
    ours = [each for each in news if _is_ours(desk, each)]
    foreign = [each for each in news if each not in ours and each.created_at >= concerning]
    if foreign and desk.partner.foreign_settlements == "stop":
        raise _foreign_error(desk.partner, foreign)
    if ours:
        _adopt(desk, ours)
    with desk.ledger.transaction() as tx:
        _listing_done(tx, desk.partner.name, start, started)
    _ask_again(desk)
    with desk.ledger.transaction() as tx:
        take_proven_windows(tx, desk.partner, desk.actor)
    return [each.external_id for each in ours]


def _may_concern(tx: Connection, partner: PartnerFile, business_date: date) -> datetime:
    """Nothing that settles trades of this date, or of the date before, was made earlier.

    A date is settled after it has ended, and the date before may have ended by another cut-off or
    time zone than the partner file says today.
    """
    before = datetime.combine(BusinessCalendar(partner).previous(business_date), time.min, UTC)
    before_ends = before - EARLIEST_ZONE
    frozen = load_date(tx, partner.name, business_date)
    return min(before_ends, frozen.window.start) if frozen else before_ends


def _listing_start(
    tx: Connection, partner: PartnerName, since: datetime
) -> tuple[datetime, datetime]:
    """From when on to list, so that no gap is left to what was listed; and the ledger's time."""
    query = select(listing, NOW.label("now")).where(listing.c.partner == partner)
    row = tx.execute(query).one_or_none()
    if row is None:
        return since, clock(tx)
    now: datetime = row.now
    if since < row.listed_from:
        return since, now
    return row.listed_until - OVERLAP, now


def _listing_done(tx: Connection, partner: PartnerName, start: datetime, until: datetime) -> None:
    """What is listed only grows: another date's listing may have ended meanwhile."""
    values = {"partner": partner, "listed_from": start, "listed_until": until}
    statement = insert(listing).values(values)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["partner"],
            set_={
                "listed_from": func.least(listing.c.listed_from, statement.excluded.listed_from),
                "listed_until": func.greatest(
                    listing.c.listed_until, statement.excluded.listed_until
                ),
            },
        )
    )


def _news(desk: Desk, shown: Sequence[Settlement]) -> list[Settlement]:
    """Those of which the ledger does not hold the shown state yet.

    What a person ignores is left out, and what is diverged: that one is asked about already.
    """
    query = select(slot.c.external_id, slot.c.settlement_id, slot.c.state).where(
        slot.c.external_id.in_([each.external_id for each in shown])
    )
    with desk.ledger.transaction() as tx:
        ignored = ignored_among(tx, desk.partner.name, [each.id for each in shown])
        rows = tx.execute(query).all()
    known = {row.external_id: (row.settlement_id, row.state) for row in rows}
    return [
        each
        for each in shown
        if each.id not in ignored
        and known.get(each.external_id) != (each.id, each.status)
        and known.get(each.external_id, (None, None))[1] != State.DIVERGED.value
    ]


def _is_ours(desk: Desk, shown: Settlement) -> bool:
    identity = parse_external_id(shown.external_id)
    if identity is not None and identity.partner == desk.partner.name:
        return True
    with desk.ledger.transaction() as tx:
        return load_slot(tx, shown.external_id) is not None


def _adopt(desk: Desk, ours: list[Settlement]) -> None:
    connections = connections_by_account(desk.reader.connections())
    for settlement in ours:
        evidence = shown_by(desk.reader, settlement, connections)
        with desk.ledger.transaction() as tx:
            identity = parse_external_id(settlement.external_id)
            if load_slot(tx, settlement.external_id) is None and identity is not None:
                open_slot(tx, identity, state=State.WITHDRAWN)
                append_event(
                    tx,
                    desk.partner.name,
                    "slot found at the partner",
                    desk.actor,
                    business_date=identity.business_date,
                    external_id=settlement.external_id,
                    settlement_id=settlement.id,
                )
            apply_evidence(tx, settlement.external_id, evidence, desk.actor, answer_digest=None)
            bind_decimals(tx, desk.partner, evidence.currencies, desk.actor)


def _ask_again(desk: Desk) -> None:
    """Look up what was found without its transfers: only with them its notes prove the window."""
    with desk.ledger.transaction() as tx:
        found = found_without_transfers(tx, desk.partner.name)
    for external_id in found:
        look_up(desk, external_id)
    with desk.ledger.transaction() as tx:
        left = found_without_transfers(tx, desk.partner.name) if found else []
    if left:
        raise OutcomeUnknownError(
            f"{desk.partner.name}: the partner shows {first_few(left)} without transfers, "
            "and this ledger does not know which trades they settle. Nothing is sent; the next "
            "try looks them up again",
            partner=desk.partner.name,
        )


def _foreign_error(partner: PartnerFile, foreign: list[Settlement]) -> ForeignSettlementError:
    named = [
        f"{each.external_id} ({each.id}, {each.stated}, created {each.created_at.isoformat()})"
        for each in foreign
    ]
    listed = first_few(named, between="; ")
    return ForeignSettlementError(
        f"{partner.name}: the partner shows {len(foreign)} settlement(s) that this project did not "
        f"make: {listed}. Nothing is sent. Record each for a date with `settlement record "
        f"{partner.name} <externalId> --date <date>` or put it aside with `settlement ignore "
        f"{partner.name} <externalId>`",
        partner=partner.name,
    )
