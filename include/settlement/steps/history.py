"""Trades that an earlier snapshot has read have changed: a person decides what that moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import Connection

from settlement.errors import HistoryChangedError
from settlement.ledger.database import Ledger
from settlement.ledger.people.question import (
    SHORT,
    SHOWN_LINES,
    Choice,
    Subject,
    digest_over,
    lines_in_facts,
    totals_in_facts,
)
from settlement.ledger.people.questions import NewQuestion, ask, choice_on, load_question
from settlement.ledger.snapshots import Snapshot, stream_positions
from settlement.steps.own_trades import OwnTrades
from settlement.values import Actor, Line, PartnerName, PositionKey, as_lines
from settlement.warehouse import TradeRow, WarehouseSnapshot
from settlement.warehouse.hashed_ids import hash_of
from settlement.warehouse.history import Change, Returning, change_in_history, returning, without
from settlement.warehouse.without import WithoutTrades


@dataclass(frozen=True, slots=True)
class Ruling:
    """A change of history that a person has answered; `settled`: it moves money, else it is left.

    `digest` names the question.
    """

    digest: str
    change: Change
    settled: bool

    def lines(self, reading: Iterator[Line]) -> Iterator[Line]:
        """Net positions to freeze: the reading as it is, or without the change."""
        return reading if self.settled else without(self.change.amounts, reading)

    def trade_count(self, reading: int) -> int:
        """Trades to freeze: a change that is left is not there."""
        return reading if self.settled else reading - self.change.count


@dataclass(frozen=True, slots=True)
class ChangedDate:
    """A date whose history changed, with what the question about it is made of.

    `baseline`: the snapshot that the change is relative to. A snapshot that was frozen without a
    change passes its baseline on, so that the same change is the same question in every later run.
    `returning`: late trades that may be the ones that went. They are part of the question: if the
    change is left, trades that were loaded again under a new `recorded_at` settle a second time.
    """

    partner: PartnerName
    business_date: date
    window: str
    baseline: int
    change: Change
    returning: Returning
    late_trades: int

    @property
    def digest(self) -> str:
        """Names the question: the change and what may undo it, not the whole reading."""
        return digest_over(
            Subject.HISTORY,
            self.partner,
            self.business_date.isoformat(),
            self.window,
            self.baseline,
            self.change.count,
            lines_in_facts(as_lines(self.change.amounts)),
            self.returning.digest,
        )

    def facts(self) -> dict[str, Any]:
        """What a person is shown: the first changed positions, totals over all of them."""
        keys = list(self.change.positions)
        return {
            "baseline": self.baseline,
            "window": self.window,
            "trades_were": self.change.count_was,
            "trades_are": self.change.count_is,
            "late_trades": self.late_trades,
            "changed_positions": len(keys),
            "returning_trades": self.returning.count,
            "returning_examples": list(self.returning.examples),
            "positions": [self._position(key) for key in keys[:SHOWN_LINES]],
            "totals": totals_in_facts(as_lines(self.change.amounts)),
        }

    def _position(self, key: PositionKey) -> dict[str, str]:
        was, now = self.change.positions[key]
        return {
            "connection": key.connection_id,
            "currency": key.currency,
            "was": str(was),
            "is": str(now),
            "late": str(self.returning.amounts.get(key, 0)),
        }


def ruling_on_history(
    ledger: Ledger, previous: Snapshot | None, own: OwnTrades, actor: Actor | None
) -> Ruling | None:
    """How a person has answered the change of what was read before; None if nothing changed.

    Trades that were merely added are no change, whenever they were recorded, where the ledger
    remembers which ones were read.

    :param own: the date's own trades, as they are now
    :param actor: who asks, where nobody has answered; None asks nothing and only refuses
    :raises HistoryChangedError: if nobody has answered
    """
    if previous is None or previous.watermark is None:
        return None
    reading = own.reading
    change = _change(ledger, reading, previous, previous.watermark)
    added = _added(own, previous.watermark) if change else []
    if added:
        change = _change(ledger, WithoutTrades(reading, added), previous, previous.watermark)
    if change is None:
        return None
    late = chain(reading.trades_recorded_after(previous.watermark), added)
    suspects = returning(change, late)
    late_trades = reading.trade_count() - change.count_is
    with ledger.transaction() as tx:
        changed = ChangedDate(
            previous.partner,
            previous.business_date,
            str(previous.window),
            _baseline(tx, previous),
            change,
            suspects,
            late_trades,
        )
        choice = choice_on(tx, previous.partner, changed.digest)
        if choice is None and actor is not None:
            _ask(tx, changed, actor)
    if choice is None:
        raise _undecided(changed)
    return Ruling(changed.digest, change, settled=choice is Choice.SETTLE)


def _change(
    ledger: Ledger, reading: WarehouseSnapshot, previous: Snapshot, watermark: datetime
) -> Change | None:
    with ledger.transaction() as tx:
        return change_in_history(
            previous.trade_count,
            stream_positions(tx, previous.id),
            reading.trade_count_until(watermark),
            reading.net_positions_until(watermark),
        )


def _added(own: OwnTrades, watermark: datetime) -> list[TradeRow]:
    """Trades under the watermark that nobody has read: committed late. They change no history."""
    if own.before is None:
        return []
    here = np.setdiff1d(own.ids.hashes, own.left_out)
    new = set(np.setdiff1d(here, own.before.read).tolist())
    if not new:
        return []
    return [
        each
        for each in own.reading.trades()
        if each.recorded_at <= watermark and hash_of(each.trade_id) in new
    ]


def _baseline(tx: Connection, previous: Snapshot) -> int:
    if previous.decision is not None:
        decided = load_question(tx, previous.partner, previous.decision)
        if decided.choice is Choice.LEAVE:
            return int(decided.facts["baseline"])
    return previous.id


def _ask(tx: Connection, changed: ChangedDate, actor: Actor) -> None:
    ask(
        tx,
        NewQuestion(
            partner=changed.partner,
            digest=changed.digest,
            subject=Subject.HISTORY,
            business_date=changed.business_date,
            facts=changed.facts(),
        ),
        actor,
    )


def _undecided(changed: ChangedDate) -> HistoryChangedError:
    warning = ""
    if changed.returning.count:
        warning = (
            f"{changed.returning.count} late trade(s) ({', '.join(changed.returning.examples)}) "
            "may be the same ones, loaded again under a new recorded_at. "
        )
    return HistoryChangedError(
        f"{changed.partner} {changed.business_date}: trades that an earlier snapshot read have "
        f"changed or are gone: {changed.change.described()}. {warning}Nothing is sent.",
        to_do="if the warehouse is half loaded, clear this task after the load. If the change "
        f"stays, a person decides: `settlement decide {changed.partner} {changed.digest[:SHORT]} "
        "settle` moves the money of the change, `leave` does not",
        partner=changed.partner,
        business_date=changed.business_date,
    )
