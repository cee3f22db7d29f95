"""What is said of settled dates that differ from their snapshots, and the runs that follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from settlement.watch.context import WatchContext
from settlement.watch.date_changes import READ_BY_TRADE, ChangedDate, Changes
from settlement.watch.finding import Finding, Kind, SettleAgain, in_words
from settlement.watch.trade_changes import TradeChanges, Trades

UNKNOWN = "which ones cannot be told: the ledger does not remember the ids of this date"


def changed_dates(context: WatchContext, read: Changes) -> Iterator[Finding]:
    """A finding for each kind of change of a date, and one for trades recorded in the future."""
    for each in read.changed:
        findings = _FindingsOfDate(context, read, each)
        yield from findings.by_trade(each.by_trade) if each.by_trade else findings.by_counts()
    if read.future.count:
        listed = ", ".join(f"{trade_id} ({at})" for trade_id, at in read.future.shown)
        text = (
            f"{read.future.count} trade(s) have a recorded_at in the future: {listed}. Correct it "
            "in the warehouse: every run refuses such trades, since after them nobody could tell "
            "which trades are late"
        )
        yield Finding(Kind.RECORDED_IN_FUTURE, context.partner.name, text)


class _FindingsOfDate:
    """The findings about one date."""

    def __init__(self, context: WatchContext, read: Changes, changed: ChangedDate) -> None:
        self._context = context
        self._read = read
        self._changed = changed
        self._run = f"`settlement run {context.partner.name} {changed.business_date}`"

    def by_trade(self, changes: TradeChanges) -> Iterator[Finding]:
        """Those of a date that was read trade by trade."""
        yield from self._added(changes)
        moved, gone = self._moved(changes)
        if moved:
            yield self._finding(
                Kind.MOVED,
                f"this date has read {moved}, which now lie in {self._where(moved)}: their "
                f"executed_at was changed. If that is right, {self._run} asks a person whether "
                "their money goes back, and a run of the other date asks whether it settles them",
            )
        if gone:
            yield self._finding(
                Kind.GONE,
                f"this date has read and settled {gone}, which are not in the warehouse any more"
                f"{'' if changes.by_id else f' ({UNKNOWN})'}. If the load is complete and they are "
                f"void, {self._run} asks a person whether their money goes back",
            )
        for other, trades in changes.others.items():
            yield self._of_another_date(other, trades)
        if changes.edited is not None:
            edited = changes.edited
            yield self._finding(
                Kind.EDITED,
                f"{edited.positions} net position(s) differ from what was read, though no trade "
                f"came or went: {edited.example} (base units). At least one of {edited.suspects} "
                f"was edited. If the edit is right, {self._run} asks a person whether its money "
                "moves",
            )

    def by_counts(self) -> Iterator[Finding]:
        """What the counts say of a date that was not read trade by trade."""
        compared, count = self._changed.compared, self._changed.compared.count
        was = compared.snapshot.trade_count
        said = (
            f"{was} trades were read; now there are {count.read} that were recorded by then, and "
            f"{count.trades - count.read} that were recorded since"
        )
        if self._changed.unfit is not None:
            text = f"{said}; they cannot be compared one by one: {self._changed.unfit}"
            yield self._finding(Kind.NOT_CHECKED, text)
            return
        kind = Kind.LATE_TRADES
        if count.read < was:
            kind = Kind.GONE
        elif count.read > was:
            kind = Kind.COMMITTED_LATE
        elif not compared.same_positions:
            kind = Kind.EDITED
        yield self._finding(
            kind,
            f"{said}. More than {READ_BY_TRADE} dates differ, so this one was not compared trade "
            "by trade: see whether the warehouse is complete",
        )

    def _added(self, changes: TradeChanges) -> Iterator[Finding]:
        """Trades that came; the first of the two findings starts the run for all of them."""
        added, start = changes.added, self._start(changes)
        if added.late:
            yield self._late(changes, start)
        if added.early:
            news = (
                f"{added.early} were not in the warehouse when the date was read, though "
                "their recorded_at is earlier: they were committed late, or loaded with a false "
                f"time{'' if changes.by_id else f' ({UNKNOWN})'}"
            )
            yield self._finding(
                Kind.COMMITTED_LATE,
                f"{news}: {self._what_follows(changes, start)}",
                start=None if added.late else start,
            )

    def _late(self, changes: TradeChanges, start: SettleAgain | None) -> Finding:
        added, now = changes.added, self._context.now
        waited = now - (added.first_recorded or now)
        in_vain = start is not None and waited > self._context.partner.settled_within
        follows = self._what_follows(changes, start)
        if in_vain:
            follows = "a run was started for them and has not read them: look at that run"
        return self._finding(
            Kind.LATE_TRADES,
            f"{added.late} were recorded after the date was read, the first {in_words(waited)} "
            f"ago: {follows}",
            needs_a_person=in_vain or (start is None and self._changed.settled),
            start=start,
        )

    def _what_follows(self, changes: TradeChanges, start: SettleAgain | None) -> str:
        if start is not None:
            return "a run is started for them"
        if not self._changed.settled:
            return "the date is not settled yet; the run that settles it reads them"
        if changes.settles_by_itself:
            return f"trigger a run for the date to settle them, or {self._run}"
        return f"other trades of the date have changed too, so {self._run} asks a person first"

    def _start(self, changes: TradeChanges) -> SettleAgain | None:
        """Only what was merely added to a settled date starts a run by itself."""
        added = changes.added
        by_itself = changes.settles_by_itself and self._changed.settled
        if not (added.late or added.early) or not by_itself or self._read.stopped:
            return None
        if self._context.partner.late_trades != "settle":
            return None
        snapshot = self._changed.compared.snapshot
        until = added.last_recorded or snapshot.watermark or snapshot.taken_at
        return SettleAgain(self._changed.business_date, until, added.digest)

    def _moved(self, changes: TradeChanges) -> tuple[Trades, Trades]:
        """Trades that went, parted into those that lie in another window and those that do not."""
        ids = changes.gone.examples
        found = tuple(each for each in ids if self._read.places.get(each))
        lost = tuple(each for each in ids if each not in found)
        return Trades(len(found), found), Trades(changes.gone.count - len(found), lost)

    def _where(self, moved: Trades) -> str:
        places = {each for one in moved.examples for each in self._read.places[one]}
        dates = [str(each) for each in sorted(each for each in places if each is not None)]
        return ", ".join([*dates, *(["a window that no date has"] if None in places else [])])

    def _of_another_date(self, other: date, trades: Trades) -> Finding:
        still = [each for each in trades.examples if other in self._read.places.get(each, ())]
        kind, said = Kind.MOVED, "whose window they have left"
        if still:
            kind, said = Kind.DELIVERED_AGAIN, "where they still lie: one id, two trades"
        return self._finding(
            kind,
            f"this date has not read {trades}, which belong to {other}, {said}. Settled here, they "
            f"would be settled twice: correct the warehouse, or {self._run}, which asks a person",
        )

    def _finding(
        self,
        kind: Kind,
        text: str,
        *,
        needs_a_person: bool = True,
        start: SettleAgain | None = None,
    ) -> Finding:
        return Finding(
            kind,
            self._context.partner.name,
            text,
            business_date=self._changed.business_date,
            needs_a_person=needs_a_person,
            start=start,
        )
