"""Business dates that were not settled in time, and trades that came after their date was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from settlement.ledger.overview import stop_of
from settlement.ledger.snapshots import Snapshot
from settlement.partner_file import PartnerFile
from settlement.warehouse import Warehouse
from settlement.watch.eyes import Eyes
from settlement.watch.finding import Finding, Kind, SettleAgain, in_words
from settlement.watch.standing import Standing

AT_WORK = timedelta(minutes=30)
"""A date that something happened to so recently is being worked on; shorter than the watch's hour,
so that it is looked at again before much time has passed."""


@dataclass(frozen=True, slots=True)
class LateTrades:
    """Trades of a settled date that its newest snapshot has not read."""

    business_date: date
    count: int
    first_recorded: datetime
    last_recorded: datetime


@dataclass(frozen=True, slots=True)
class LateReading:
    """All late trades; while the partner is stopped, no run is started for them."""

    late: Sequence[LateTrades]
    stopped: bool


def read_dates(eyes: Eyes) -> Sequence[Standing]:
    """How the dates stand."""
    return eyes.standings


def unsettled_dates(eyes: Eyes, standings: Sequence[Standing]) -> Iterator[Finding]:
    """Dates past their deadline that no run touched, or that are not settled."""
    for each in standings:
        if each.left is None or each.deadline > eyes.now:
            continue
        if each.last_event_at is not None and eyes.now - each.last_event_at < AT_WORK:
            continue
        over = in_words(eyes.now - each.deadline)
        again = f"`settlement run {eyes.partner.name} {each.business_date}`"
        if each.touched:
            kind = Kind.OVERDUE
            why = _in_one_line(each.left, f"{eyes.partner.name} {each.business_date}")
            text = f"should have been settled {over} ago: {why}. Clear its run, or {again}"
        else:
            kind = Kind.NEVER_TOUCHED
            text = (
                f"no run has ever read this date, which should have been settled {over} ago: see "
                f"why there is none (paused? marked by hand?), then trigger one, or {again}"
            )
        yield Finding(kind, eyes.partner.name, text, business_date=each.business_date)


def _in_one_line(left: str, named: str) -> str:
    """What the gate would say, without the name that the finding bears already."""
    said = left.removeprefix(f"{named} is not settled:").removeprefix(f"{named}:")
    return "; ".join(each.removeprefix("- ") for each in said.strip().splitlines())


def read_late_trades(eyes: Eyes) -> LateReading:
    """Compare every settled date's snapshot with the warehouse."""
    warehouse = eyes.open_warehouse()
    read = [
        _late_trades(warehouse, eyes.partner, each.snapshot)
        for each in eyes.standings
        if each.left is None and each.snapshot is not None
    ]
    with eyes.ledger.transaction() as tx:
        stopped = stop_of(tx, eyes.partner.name) is not None
    return LateReading([each for each in read if each is not None], stopped)


def _late_trades(
    warehouse: Warehouse, partner: PartnerFile, snapshot: Snapshot
) -> LateTrades | None:
    with warehouse.snapshot(partner, snapshot.window) as reading:
        newest = reading.watermark()
        if newest is None or (snapshot.watermark is not None and newest <= snapshot.watermark):
            return None
        reading.check()  # a broken row would be late for every date, and start a run for each
        read_until = snapshot.watermark or datetime.min.replace(tzinfo=UTC)
        count = reading.trade_count() - reading.trade_count_until(read_until)
        first = next(reading.trades_recorded_after(read_until))
    return LateTrades(snapshot.business_date, count, first.recorded_at, newest)


def late_trades(eyes: Eyes, reading: LateReading) -> Iterator[Finding]:
    """A finding for each date; a run is started only where the partner file says so."""
    partner = eyes.partner
    settle = partner.late_trades == "settle" and not reading.stopped
    for each in reading.late:
        waited = eyes.now - each.first_recorded
        started_in_vain = waited > partner.settled_within
        news = f"{each.count} trade(s) were recorded after the date was settled, "
        news += f"the first {in_words(waited)} ago"
        if not settle:
            text = f"{news}: trigger a run for the date to settle them"
        elif started_in_vain:
            text = f"{news}: a run was started for them and has not read them; see how it stands"
        else:
            text = f"{news}: a run is started for them"
        yield Finding(
            Kind.LATE_TRADES,
            partner.name,
            text,
            business_date=each.business_date,
            needs_a_person=not settle or started_in_vain,
            start=SettleAgain(each.business_date, each.last_recorded) if settle else None,
        )
