"""Which of a reading's trades are the date's own; a person is asked about those of another date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import SupersededError, TradeOfAnotherDateError
from settlement.ledger.database import Ledger, clock
from settlement.ledger.dates import FrozenDate
from settlement.ledger.forgotten_dates import forget_before, found_since, is_forgotten
from settlement.ledger.people.question import (
    SHORT,
    SHOWN_LINES,
    Choice,
    Subject,
    digest_over,
    lines_in_facts,
    totals_in_facts,
)
from settlement.ledger.people.questions import NewQuestion, ask, choice_on
from settlement.ledger.trade_memory import (
    Remembered,
    dates_holding,
    newest_version,
    remember,
    remembered,
)
from settlement.steps.forgotten_trades import is_remembered, trades_of_forgotten_dates
from settlement.steps.fresh_reading import FreshReading
from settlement.values import Actor, PartnerName, as_lines
from settlement.warehouse import TradeRow, Warehouse, WarehouseSnapshot
from settlement.warehouse.hashed_ids import NONE, Hashes, ReadIds, digest_of, hash_of, members
from settlement.warehouse.without import WithoutTrades, net_of
from settlement.wording import first_few

DATES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class OwnTrades:
    """A reading without what a person has left out, and what is remembered with it.

    `ids`: all of the window; `left_out`: those of them that are another date's; `settled_here`:
    those that are another date's and are settled in this one as well; `before`: what the date had
    read before. `version`: of the memory that was asked.
    """

    reading: WarehouseSnapshot
    ids: ReadIds
    left_out: Hashes
    settled_here: Hashes
    before: Remembered | None
    version: int

    def require_own(self, tx: Connection, partner: PartnerName, business_date: date) -> None:
        """Nobody has taken one of the trades since they were asked for; under `lock_trades`.

        :raises SupersededError: if a run of another date has
        """
        held = dates_holding(tx, partner, self.ids, business_date, since_version=self.version)
        answered = np.union1d(self.left_out, self.settled_here)
        taken = {day: np.setdiff1d(hashes, answered) for day, hashes in held.items()}
        days = [str(day) for day, hashes in taken.items() if len(hashes)]
        if days:
            raise SupersededError(
                f"{partner} {business_date}: a run of {', '.join(days)} has read trades of this "
                "date meanwhile. Nothing is sent; this task is tried again, and asks a person",
                partner=partner,
                business_date=business_date,
            )

    def remember(
        self, tx: Connection, partner: PartnerFile, business_date: date, *, take_back: bool
    ) -> str:
        """Store the ids with the snapshot, under `lock_trades`; the digest over what was read.

        It is empty for a date that is too old to be remembered.

        :param take_back: a person has decided that what went from the date goes back
        """
        digest = remember(
            tx,
            partner.name,
            business_date,
            self.ids,
            left_out=self.left_out,
            take_back=take_back,
            complete=not is_forgotten(tx, partner.name, business_date),
        )
        today = clock(tx).date()
        if partner.trade_memory is not None:
            forget_before(tx, partner.name, today - partner.trade_memory)
        return digest if is_remembered(partner, business_date, today) else ""


def own_trades(
    ledger: Ledger,
    warehouse: Warehouse,
    partner: PartnerFile,
    fresh: FreshReading,
    actor: Actor | None,
) -> OwnTrades:
    """Tell the date's own trades from those of other dates, as people have decided.

    :param actor: who asks a person; None asks nothing and only refuses, for a preview
    :raises TradeOfAnotherDateError: if a trade is another date's and nobody has decided about it
    """
    frozen, reading, ids = fresh.date, fresh.trades, fresh.ids
    name, day = partner.name, frozen.business_date
    others = trades_of_forgotten_dates(ledger, warehouse, partner, fresh, actor)
    with ledger.transaction() as tx:
        version = newest_version(tx, name)
        before = remembered(tx, name, day)
        news = before is not None and found_since(tx, name, day, partner.look_back, before.at)
        held_by_memory = dates_holding(tx, name, ids, day)
    known = _together(held_by_memory.values())
    for other, hashes in held_by_memory.items():
        others.certain[other] = np.union1d(others.certain.get(other, NONE), hashes)
    claimed = _together([*others.certain.values(), *others.possible.values()])
    left_out = members(claimed, before.left_out) if before else NONE
    # What the date read before a settlement was found elsewhere, nobody was asked about.
    settled_here = members(known if news else claimed, before.read) if before else NONE
    for held, certain in ((others.certain, True), (others.possible, False)):
        undecided = np.setdiff1d(_together(held.values()), np.union1d(left_out, settled_here))
        if not len(undecided):
            continue
        asked = {d: both for d, h in held.items() if len(both := members(np.sort(h), undecided))}
        read_by = frozenset(d for d, h in held_by_memory.items() if len(members(h, undecided)))
        of_others = _OfOthers(frozen, undecided, asked, read_by, certain)
        if _choice(ledger, reading, ids, of_others, actor) is Choice.LEAVE:
            left_out = np.union1d(left_out, undecided)
        else:
            settled_here = np.union1d(settled_here, undecided)
    if len(left_out):
        reading = WithoutTrades(reading, _rows(reading, left_out))
    return OwnTrades(reading, ids, left_out, settled_here, before, version)


@dataclass(frozen=True, slots=True)
class _OfOthers:
    """Trades of a date that nobody has decided about.

    `held`: by the date they belong to, or, unless it is `certain`, may have come from. `read_by`:
    the dates of them that have read such trades; others merely have them in their windows.
    """

    frozen: FrozenDate
    trades: Hashes
    held: dict[date, Hashes]
    read_by: frozenset[date]
    certain: bool

    @property
    def digest(self) -> str:
        """Names the question: these trades of this date, whose they are, and how that is known.

        Who settles a trade that another window has too has not said so of one that is read there.
        """
        return self._digest(self.read_by)

    @property
    def digest_before_read(self) -> str:
        """Names the question as it was while the other dates merely had them in their windows."""
        return self._digest(frozenset())

    def _digest(self, read_by: frozenset[date]) -> str:
        return digest_over(
            Subject.OTHER_DATE,
            self.frozen.partner,
            self.frozen.business_date.isoformat(),
            str(self.frozen.window),
            [
                self.certain,
                *(day.isoformat() for day in sorted(self.held)),
                *(f"read by {day}" for day in sorted(read_by & self.held.keys())),
            ],
            digest_of(self.trades),
        )

    def facts(self, trades: list[TradeRow]) -> dict[str, Any]:
        """What a person is shown: the first ids and amounts, totals over all of them."""
        lines = as_lines(net_of(trades))
        return {
            "window": str(self.frozen.window),
            "certain": self.certain,
            "trades": len(trades),
            "examples": sorted(each.trade_id for each in trades)[:SHOWN_LINES],
            "dates": [
                {"business_date": day.isoformat(), "trades": len(hashes)}
                for day, hashes in sorted(self.held.items())
            ],
            "positions": lines_in_facts(lines[:SHOWN_LINES]),
            "changed_positions": len(lines),
            "totals": totals_in_facts(lines),
        }

    def refused(self, names: list[str]) -> TradeOfAnotherDateError:
        """Says what is wrong, and how a person decides.

        :param names: ids of the first of the trades
        """
        partner, days = self.frozen.partner, _listed(self.held)
        count = len(self.trades)
        listed = first_few(names, len(names), count=count)
        why = (
            f"belong to {days} already: trade {listed}. Settled here too, they "
            "would be settled twice"
            if self.certain
            else f"may have come from {days}, whose trades are not all there any more: trade "
            f"{listed}. If they have, they would be settled twice"
        )
        return TradeOfAnotherDateError(
            f"{partner} {self.frozen.business_date}: {count} trade(s) of this date {why}. Nothing "
            "is sent.",
            to_do="if the warehouse is wrong, correct it and clear this task. Otherwise a person "
            f"decides: `settlement decide {partner} {self.digest[:SHORT]} leave` settles the date "
            "without them, `settle` settles them here as well",
            partner=partner,
            business_date=self.frozen.business_date,
        )


def _choice(
    ledger: Ledger,
    reading: WarehouseSnapshot,
    ids: ReadIds,
    of_others: _OfOthers,
    actor: Actor | None,
) -> Choice:
    """What a person has answered about exactly these trades; what was left then is left now."""
    frozen, digest = of_others.frozen, of_others.digest
    with ledger.transaction() as tx:
        choice = choice_on(tx, frozen.partner, digest)
        before = choice_on(tx, frozen.partner, of_others.digest_before_read)
    if choice is None and before is Choice.LEAVE:
        return before
    if choice is not None:
        return choice
    if actor is not None:
        facts = of_others.facts(_rows(reading, of_others.trades))
        with ledger.transaction() as tx:
            ask(
                tx,
                NewQuestion(
                    partner=frozen.partner,
                    digest=digest,
                    subject=Subject.OTHER_DATE,
                    business_date=frozen.business_date,
                    facts=facts,
                ),
                actor,
            )
    raise of_others.refused(ids.names_of(of_others.trades))


def _together(parts: Iterable[Hashes]) -> Hashes:
    return np.unique(np.concatenate([NONE, *parts]))


def _rows(reading: WarehouseSnapshot, hashes: Hashes) -> list[TradeRow]:
    wanted = set(hashes.tolist())
    return [each for each in reading.trades() if hash_of(each.trade_id) in wanted]


def _listed(held: dict[date, Hashes]) -> str:
    return first_few(sorted(held), DATES_SHOWN)
