"""One simulated partner: its ledger, trades, sandbox and clock, and what happened to them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import DEMO_XPRV, demo_connections
from partner_sandbox.records import stamp
from partner_sandbox.store import Store
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import LedgerUnavailableError, SettlementError, WindowConflictError
from settlement.partner.exchange import PartnerApi
from settlement.request.external_id import parse_external_id
from settlement.signing.signer import LocalSigner
from settlement.steps.desk import Desk
from settlement.values import Actor, PositionKey, Window
from simulation.books import Books
from simulation.clock import SimulatedClock
from simulation.databases import Backup, Databases
from simulation.decided import Decided
from simulation.forecasts import Forecasts
from simulation.kinds import Accident, PartnerKind
from simulation.ledger_watch import LedgerWatch
from simulation.market import Market
from simulation.moments import Crash, Moments
from simulation.partner import Exchange, WatchedApi
from simulation.promises import Promises
from simulation.run import Ended
from simulation.settings import START, CountedFaults, books_for, partner_file, settings
from simulation.swarm import Swarm
from simulation.trade_books import TradeBooks
from simulation.trading_time import TradingTime
from simulation.warehouse import SimulatedWarehouse
from simulation.word import Word
from support.in_process import net_of

CONTRADICTED = "contradicts this ledger"
LONGEST_EXCHANGE_MS = 2_000
SIGNER = LocalSigner.from_xprv(DEMO_XPRV)


class SimulatedWorld:
    """Everything that one seed is about."""

    name = "demo"

    def __init__(self, databases: Databases, seed: int, kind: PartnerKind) -> None:
        self.kind = kind
        self.seed = seed
        self.chance = random.Random(seed)
        self.swarm = Swarm.draw(self.chance)
        self.trace: list[str] = []
        self.accidents: Counter[str] = Counter()
        self.by_hand: dict[str, date | None] = {}
        """What somebody settled by hand, and for which date; None: to be ignored."""
        self.decided = Decided()
        self.days: list[date] = []
        """Business days that have begun."""
        self.ledgers_lost = self._past_rewritten = False
        self.contradicted = False
        """What the partner shows and the windows of this ledger exclude each other."""
        self.clock = SimulatedClock(START)
        self.moments = Moments(self.tell, self.count)
        self.signer = SIGNER
        self._databases = databases
        self._backups: list[tuple[Backup, Decided]] = []
        self.partner: PartnerFile = partner_file(self.chance, self.swarm, kind)
        self.clients = tuple(each.id for each in demo_connections(self.swarm.most_clients))
        self.store = Store()
        self.sandbox = Sandbox(
            self.store,
            self.clock,
            settings(self.chance, kind),
            books_for(self.chance, self.partner, self.swarm),
        )
        self.sandbox.faults = CountedFaults(self.count)
        self.books = Books(self)
        self.trade_books = TradeBooks(self)
        self.word = Word()
        self.promises = Promises(self)
        self.forecasts = Forecasts(self)
        self.trading_time = TradingTime()
        self.partner_side = WatchedApi(
            self.sandbox, self.moments, self._before_exchange, self.word.heard
        )
        self.api: PartnerApi = self.partner_side
        self.market = Market(
            self.chance,
            self.clients,
            small=self.swarm.small,
            between_clients=kind is PartnerKind.BROKER,
            told_apart=self.swarm.told_apart,
        )
        self.warehouse = SimulatedWarehouse(self, self.market)
        databases.empty()
        self.ledger = databases.ledger(self.clock, self.moments)
        self.watch = LedgerWatch(self, databases.watcher)
        self.tell(f"a world of {self.swarm.name}: {', '.join(self.swarm.rates)}")

    def desk_of(self, actor: Actor) -> Desk:
        """What the steps of a run work with now."""
        api = self.api
        return Desk(self.ledger, self.partner, lambda: api, actor)

    # time and trace

    def tell(self, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.clock():%m-%d %H:%M:%S} {what}")

    def count(self, what: str) -> None:
        """Count an accident."""
        self.accidents[what] += 1

    def happened(self, kind: Accident, what: str = "") -> None:
        """An accident: into the trace and the table."""
        self.tell(f"{kind}{f': {what}' if what else ''}")
        self.count(kind)

    def happens(self, kind: Accident) -> bool:
        """Whether an accident happens now, by this world's rates."""
        return self.chance.random() < self.swarm.happens(kind)

    def stop_accidents(self) -> None:
        """From now on nothing goes wrong, and what is under way arrives."""
        self.swarm = self.swarm.calmed()
        self.moments.cancel_crash()
        self.moments.cancel_intrusion()
        self.sandbox.faults.clear()
        self.sandbox.deliver_late()
        self.partner_side.deliver_copies()

    # steps

    def attempt(self, name: str, action: Callable[[], object]) -> Ended:
        """One try of a task: it may fail, and the process may die; the promises must hold."""
        self.tell(name)
        ended = self._try(action)
        self.promises.check()
        return ended

    def _try(self, action: Callable[[], object]) -> Ended:
        try:
            action()
        except LedgerUnavailableError:
            raise
        except SettlementError as error:
            self.tell(f"  {type(error).__name__}: {error.message}")
            self.contradicted = self.contradicted or CONTRADICTED in error.message
            return Ended.RETRY if error.retryable else Ended.FAILED
        except Crash:
            return Ended.RETRY
        return Ended.DONE

    def _before_exchange(self, exchange: Exchange) -> None:
        self.promises.request_leaves(exchange)
        self.forecasts.sees(exchange)
        moment = timedelta(milliseconds=self.chance.randint(1, LONGEST_EXCHANGE_MS))
        self.clock.pass_time(moment)

    # dates

    def window(self, day: date) -> Window | None:
        """Trading time of a date: frozen, or as the partner file has it; None: nothing is left."""
        frozen = self.watch.windows()
        if day in frozen:
            return Window(*frozen[day])
        try:
            planned = BusinessCalendar(self.partner).window(day)
        except WindowConflictError:
            return None
        start = max([planned.start, *(each[1] for other, each in frozen.items() if other < day)])
        end = min([planned.end, *(each[0] for other, each in frozen.items() if other > day)])
        return Window(start, end) if start < end else None

    def owed(self, day: date) -> dict[PositionKey, int]:
        """What the trades of a date come to, without what people have left out."""
        left_out = self.decided.left_out[day]
        trades = self.warehouse.trades_of(day)
        return net_of([each for each in trades if each.trade_id not in left_out])

    def dates_without_their_own(self) -> set[date]:
        """Dates that leave out what no other date holds any more."""
        holders = self.trade_books.holders
        return {
            day
            for day, trades in self.decided.left_out.items()
            if any(not holders(each) - {day} for each in trades)
        }

    def date_of(self, external_id: str) -> date | None:
        """The date that a settlement belongs to."""
        identity = parse_external_id(external_id)
        if identity is not None:
            return identity.business_date if identity.partner == self.name else None
        return self.by_hand.get(external_id)

    # the ledger's database

    def back_up(self) -> None:
        """Copy the ledger as it is now."""
        self.happened(Accident.BACKED_UP)
        self._backups.append((self._databases.back_up(), self.decided.copy()))

    def lose_ledger(self) -> None:
        """The ledger is gone; the next one is empty."""
        self.happened(Accident.LOST)
        self._databases.empty()
        self._ledger_replaced(Decided())

    def restore_ledger(self) -> None:
        """The ledger is gone; the next one is an older copy."""
        if self._backups:
            number = self.chance.randrange(len(self._backups))
            self.happened(Accident.RESTORED, f"copy {number + 1}")
            backup, decided = self._backups[number]
            self._databases.restore(backup)
            self._ledger_replaced(decided.copy())

    def _ledger_replaced(self, decided: Decided) -> None:
        self.decided = decided
        self.contradicted = False
        self.watch.replaced()
        self.ledgers_lost = True
        self._wait_for_what_nobody_knows_of()

    def rewrite_the_past(self) -> None:
        """The partner file says something else of dates that are over."""
        self._past_rewritten = True
        self._wait_for_what_nobody_knows_of()

    def _wait_for_what_nobody_knows_of(self) -> None:
        """Of what is under way neither ledger nor file knows the window: on-call waits for it.

        Where the file still says what it said, nobody has to.
        """
        if not (self.ledgers_lost and self._past_rewritten):
            return
        self.tell("on-call waits: what is under way arrives, and is shown")
        self.clock.pass_time(timedelta(minutes=15))
        self.sandbox.deliver_late()
        self.partner_side.deliver_copies()
        shown_from = stamp(self.clock())
        with self.store.transaction():
            for each in self.sandbox.settlements():
                shown = replace(each, look_ups_until_shown=0, shown_from=shown_from)
                self.store.save_settlement(shown)

    def close(self) -> None:
        """Let go of the sandbox."""
        self.store.close()
