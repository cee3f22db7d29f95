"""Business dates: frozen windows, generations, and the row that a build locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, bindparam, select, text

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import SupersededError, WindowConflictError
from settlement.ledger.chain import append_event
from settlement.ledger.schema import business_date as table
from settlement.values import Actor, PartnerName, Window

_DATE = select(table).where(
    table.c.partner == bindparam("partner"), table.c.business_date == bindparam("business_date")
)
_DATE_LOCKED = _DATE.with_for_update()
_TAKE_GENERATION = table.update().where(
    table.c.partner == bindparam("of_partner"), table.c.business_date == bindparam("of_date")
)


@dataclass(frozen=True, slots=True)
class FrozenDate:
    """A business date with its frozen window and its newest generation of snapshots."""

    partner: PartnerName
    business_date: date
    window: Window
    generation: int


def load_date(
    tx: Connection, partner: PartnerName, business_date: date, *, lock: bool = False
) -> FrozenDate | None:
    """The frozen date, or None if it was never computed; locked until the end if asked."""
    named = {"partner": partner, "business_date": business_date}
    row = tx.execute(_DATE_LOCKED if lock else _DATE, named).one_or_none()
    if row is None:
        return None
    window = Window(row.window_start, row.window_end)
    return FrozenDate(row.partner, row.business_date, window, row.generation)


def frozen_dates(tx: Connection, partner: PartnerName) -> dict[date, FrozenDate]:
    """Every date of the partner that has a window, oldest first."""
    query = select(table).where(table.c.partner == partner).order_by(table.c.business_date)
    return {
        row.business_date: FrozenDate(
            row.partner, row.business_date, Window(row.window_start, row.window_end), row.generation
        )
        for row in tx.execute(query)
    }


def window_for(tx: Connection, partner_file: PartnerFile, business_date: date) -> Window:
    """The date's frozen window, or the one that it would get if it were frozen now.

    Windows of neighbouring dates touch, whichever was computed first: an edited cut-off moves
    neither a stored window nor the edge that it shares with a neighbour.

    :raises WindowConflictError: if nothing of the date's window is left
    """
    partner = partner_file.name
    frozen = load_date(tx, partner, business_date)
    if frozen is not None:
        return frozen.window
    calendar = BusinessCalendar(partner_file)
    planned = calendar.window(business_date)
    start, end = planned.start, planned.end
    before = _neighbour(tx, partner, business_date, earlier=True)
    after = _neighbour(tx, partner, business_date, earlier=False)
    if before is not None:
        touching = before.business_date == calendar.previous(business_date)
        start = before.window.end if touching else max(start, before.window.end)
    if after is not None:
        touching = after.business_date == calendar.following(business_date)
        end = after.window.start if touching else min(end, after.window.start)
    if start >= end:
        raise WindowConflictError(
            f"{partner} {business_date}: no trading time is left between the frozen windows of "
            f"its neighbours ({start.isoformat()} to {end.isoformat()}): the calendar or cut-off "
            "in the partner file was edited; give the edit a later `from` date",
            partner=partner,
            business_date=business_date,
        )
    return Window(start, end)


def _neighbour(
    tx: Connection, partner: PartnerName, business_date: date, *, earlier: bool
) -> FrozenDate | None:
    query = select(table).where(table.c.partner == partner)
    if earlier:
        query = query.where(table.c.business_date < business_date)
        query = query.order_by(table.c.business_date.desc())
    else:
        query = query.where(table.c.business_date > business_date)
        query = query.order_by(table.c.business_date)
    row = tx.execute(query.limit(1)).one_or_none()
    if row is None:
        return None
    window = Window(row.window_start, row.window_end)
    return FrozenDate(row.partner, row.business_date, window, row.generation)


def next_generation(
    tx: Connection, partner_file: PartnerFile, business_date: date, actor: Actor
) -> FrozenDate:
    """Take the date's next generation, freezing its window the first time.

    First computations of one partner follow one another, so that two cannot freeze windows that
    overlap.
    """
    partner = partner_file.name
    frozen = load_date(tx, partner, business_date, lock=True)
    if frozen is None:
        lock_windows(tx, partner)
        frozen = load_date(tx, partner, business_date, lock=True)
    if frozen is None:
        window = window_for(tx, partner_file, business_date)
        frozen = freeze_window(tx, partner, business_date, window, actor)
    generation = frozen.generation + 1
    named = {"of_partner": partner, "of_date": business_date}
    tx.execute(_TAKE_GENERATION, {**named, "generation": generation})
    return FrozenDate(partner, business_date, frozen.window, generation)


def lock_windows(tx: Connection, partner: PartnerName) -> None:
    """Make whoever else freezes a window of the partner wait until this transaction ends."""
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"windows of {partner}"},
    )


def freeze_window(
    tx: Connection, partner: PartnerName, business_date: date, window: Window, actor: Actor
) -> FrozenDate:
    """Freeze the window of a date that has none, under `lock_windows`. No run has taken it yet."""
    tx.execute(
        table.insert().values(
            partner=partner,
            business_date=business_date,
            window_start=window.start,
            window_end=window.end,
            generation=0,
        )
    )
    append_event(
        tx, partner, "window frozen", actor, business_date=business_date, window=str(window)
    )
    return FrozenDate(partner, business_date, window, 0)


def lock_generation(
    tx: Connection, partner: PartnerName, business_date: date, generation: int
) -> FrozenDate:
    """Lock the date's row and require that no newer run has taken the date.

    :raises SupersededError: if one has, or if the ledger was replaced and forgot the date
    """
    frozen = load_date(tx, partner, business_date, lock=True)
    if frozen is None or frozen.generation != generation:
        newest = frozen.generation if frozen else "none"
        raise SupersededError(
            f"{partner} {business_date}: generation {generation} is not the newest ({newest}): "
            "another run is working on this date; let it finish, then clear compute_net_positions "
            "with its downstream tasks",
            partner=partner,
            business_date=business_date,
        )
    return frozen
