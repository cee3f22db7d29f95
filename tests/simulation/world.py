"""One simulated partner: its ledger, trades, sandbox and clock, and what happened to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import DEMO_XPRV, demo_connections, demo_world
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import World
from settlement.business_calendar import BusinessCalendar
from settlement.errors import LedgerUnavailableError, SettlementError
from settlement.external_id import parse_external_id
from settlement.partner_file import CutOff, PartnerFile
from settlement.signing import LocalSigner
from settlement.values import PositionKey, Window
from settlement.warehouse import TradeRow
from simulation.clock import SimulatedClock
from simulation.databases import Databases, SimulatedLedger, Watcher
from simulation.market import Market
from simulation.moments import Crash, Moments
from simulation.partner import WatchedApi
from simulation.promises import Promises
from simulation.run import Ended
from support.in_process import MemorySnapshot, MemoryWarehouse, net_of

FIRST_DAY = date(2026, 3, 4)
START = datetime(2026, 3, 3, 12, tzinfo=UTC)
LONGEST_EXCHANGE_MS = 2_000
SIGNER = LocalSigner.from_xprv(DEMO_XPRV)


class SimulatedWorld:
    """Everything that one seed is about."""

    def __init__(self, databases: Databases, seed: int) -> None:
        self.chance = random.Random(seed)
        self.trace: list[str] = []
        self.foreign: set[str] = set()
        self.by_hand: dict[str, date | None] = {}
        """What somebody settled by hand, and for which date; None: to be ignored."""
        self.clock = SimulatedClock(START)
        self.moments = Moments(self.tell)
        self.signer = SIGNER
        self._databases = databases
        self._backups: list[str] = []
        clients = self.chance.randint(3, 5)
        self.partner = _partner(self.chance)
        self.calendar = BusinessCalendar(self.partner)
        self.store = Store()
        self.sandbox = Sandbox(
            self.store, self.clock, _settings(self.chance), _books(self, clients)
        )
        self.promises = Promises(self)
        self.api = WatchedApi(
            self.sandbox, self.moments, self.promises.request_sent, self.pass_a_moment
        )
        self.clients = tuple(each.id for each in demo_connections(clients))
        self.market = Market(self.chance, self.clients)
        self.warehouse = _WatchedWarehouse(self)
        self._open(databases.copy())

    # time and trace

    def tell(self, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.clock():%m-%d %H:%M:%S} {what}")

    def pass_a_moment(self) -> None:
        """An exchange takes its time."""
        self.clock.pass_time(timedelta(milliseconds=self.chance.randint(1, LONGEST_EXCHANGE_MS)))

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
            return Ended.RETRY if error.retryable else Ended.FAILED
        except Crash:
            return Ended.RETRY
        return Ended.DONE

    # trades

    def window(self, day: date) -> Window:
        """Trading time of a date."""
        return self.calendar.window(day)

    def load_trades(self, day: date, count: int) -> None:
        """Trades of a date reach the warehouse."""
        for _ in range(count):
            self.clock.pass_time(timedelta(milliseconds=self.chance.randint(1, 5_000)))
            self.warehouse.trades.append(self.market.trade(self.window(day), self.clock()))
        self.tell(f"{count} trades of {day} are recorded")

    def trades_of(self, day: date) -> list[TradeRow]:
        """Trades of a date that the warehouse holds."""
        window = self.window(day)
        return [
            each for each in self.warehouse.trades if window.start <= each.executed_at < window.end
        ]

    def owed(self, day: date) -> dict[PositionKey, int]:
        """What the trades of a date come to."""
        return net_of(self.trades_of(day))

    # what somebody else has booked

    def date_of(self, external_id: str) -> date | None:
        """The date that a settlement belongs to."""
        identity = parse_external_id(external_id)
        return identity.business_date if identity else self.by_hand.get(external_id)

    def foreign_keys(self, day: date) -> set[PositionKey]:
        """Amounts of a date that somebody else has moved too."""
        return {
            PositionKey(each.connection_id, each.currency)
            for each in self.sandbox.bookings()
            if each.external_id in self.foreign and self.date_of(each.external_id) == day
        }

    # the ledger's database

    def back_up(self) -> None:
        """Copy the ledger as it is now."""
        self.tell("the ledger is backed up")
        with self._closed():
            self._backups.append(self._databases.copy(self._name))

    def lose_ledger(self) -> None:
        """The ledger is gone; the next one is empty."""
        self.tell("the ledger is lost")
        self._replace(self._databases.copy())

    def restore_ledger(self) -> None:
        """The ledger is gone; the next one is an older copy."""
        if not self._backups:
            return
        backup = self.chance.choice(self._backups)
        self.tell(f"the ledger is restored from copy {self._backups.index(backup) + 1}")
        self._replace(self._databases.copy(backup))

    def close(self) -> None:
        """Drop the world's databases."""
        self._shut()
        for name in (self._name, *self._backups):
            self._databases.drop(name)
        self.store.close()

    def _open(self, name: str) -> None:
        self._name = name
        url = self._databases.url(name)
        self.ledger = SimulatedLedger(url, self.clock, self.moments)
        self.watcher = Watcher(url, self.clock)

    def _shut(self) -> None:
        self.ledger.engine.dispose()
        self.watcher.close()

    @contextmanager
    def _closed(self) -> Iterator[None]:
        self._shut()
        yield
        self._open(self._name)

    def _replace(self, name: str) -> None:
        self._shut()
        self._databases.drop(self._name)
        self._open(name)
        self.promises.ledger_replaced()


class _WatchedWarehouse(MemoryWarehouse):
    """Tells the promises what each reading comes to."""

    def __init__(self, world: SimulatedWorld) -> None:
        super().__init__()
        self._world = world

    @contextmanager
    def snapshot(self, partner: PartnerFile, window: Window) -> Iterator[MemorySnapshot]:
        """Freeze the trades of the window."""
        with super().snapshot(partner, window) as reading:
            day = self._world.calendar.date_of_cut_off(window.end)
            self._world.promises.trades_read(day, net_of(reading.trades))
            yield reading


def _partner(chance: random.Random) -> PartnerFile:
    return PartnerFile.model_validate(
        {
            "name": "demo",
            "enterprise_id": "demo-enterprise",
            "timezone": "America/New_York",
            "cut_offs": (CutOff.model_validate({"at": "17:00", "calendar": "all-days"}),),
            "first_business_date": FIRST_DAY,
            "amounts": chance.choice(["base_units", "base_units", "full_units"]),
            "max_connections_per_request": chance.choice([1, 3, 40, 40]),
            "look_up_first_after": chance.choice([timedelta(hours=1), timedelta(hours=24)]),
            "currencies": {"BTC": 8, "ETH": 18, "USD": 2},
        }
    )


def _books(world: SimulatedWorld, clients: int) -> World:
    books = demo_world(clients)
    unit = world.partner.amounts
    return books.changed(partners=tuple(each.changed(unit=unit) for each in books.partners))


def _settings(chance: random.Random) -> Settings:
    """One of the ways in which the partner may decide what is not documented."""
    return Settings.model_validate(
        {
            "payload_order": chance.choice(["documented", "sorted", "reversed"]),
            "payload_spaces": chance.choice([False, True]),
            "only_issued_payloads": chance.choice([False, True]),
            "signing_answers_conflict": chance.choice([False, True]),
            "failed_status": chance.choice([401, 500]),
            "pending_status": chance.choice([401, 500]),
            "rejected_status": chance.choice([401, 500]),
            "nonce_is_compared": chance.choice([False, True]),
            "nonce_reuse": chance.choice(["accept", "refuse"]),
            "list_order": chance.choice(["ascending", "descending"]),
            "array_filters": chance.choice(["both", "repeated", "comma_separated"]),
            "max_page_size": (largest := chance.choice([3, 500, 500])),
            "default_page_size": min(largest, 100),
        }
    )
