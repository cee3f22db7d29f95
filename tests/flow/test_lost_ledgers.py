"""A ledger that is gone, or restored from an old copy: the next run moves no money twice."""

from __future__ import annotations

import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import text

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import SettlementError
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.values import PositionKey
from support.day import ALICE, BOB, CAROL, DAVE, World, demo_partner
from support.in_process import net_of

SLOT = "demo-2026-03-03-1"
Copy: TypeAlias = Callable[[], None]
Story: TypeAlias = Callable[[World, Copy], None]


class Backup:
    """At most one backup of a ledger, made and restored with PostgreSQL's own tools."""

    def __init__(self, server: EmbeddedServer, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._admin = Ledger.connect(server.url("postgres"))
        self._file = folder / "ledger.dump"
        self._tools: Path = server.server.bin_path
        self._restored: Ledger | None = None

    def take(self) -> None:
        """Dump the database as it is now, as the how-to says."""
        self._tool("pg_dump", self._ledger, "--format=custom", f"--file={self._file}")

    def restore(self) -> Ledger:
        """The ledger as it was then, in a new database."""
        name = f"restored_{uuid.uuid4().hex[:12]}"
        self._run(f"CREATE DATABASE {name}")
        self._restored = Ledger.connect(self._admin.engine.url.set(database=name))
        self._tool("pg_restore", self._restored, "--exit-on-error", str(self._file))
        return self._restored

    def drop(self) -> None:
        """Remove what was restored."""
        if self._restored is not None:
            self._restored.engine.dispose()
            self._run(f"DROP DATABASE {self._restored.engine.url.database} WITH (FORCE)")
        self._admin.engine.dispose()

    def _tool(self, name: str, ledger: Ledger, *arguments: str) -> None:
        url = ledger.engine.url.set(drivername="postgresql")
        database = f"--dbname={url.render_as_string(hide_password=False)}"
        subprocess.run([self._tools / name, database, *arguments], check=True)

    def _run(self, statement: str) -> None:
        with self._admin.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(statement))


@pytest.fixture
def backup(postgres: EmbeddedServer, ledger: Ledger, tmp_path: Path) -> Iterator[Backup]:
    """The backup of this test's ledger."""
    backup = Backup(postgres, ledger, tmp_path)
    yield backup
    backup.drop()


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients, in several requests."""
    world = World(ledger, demo_partner(max_connections_per_request=3))
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    return world


def run(world: World) -> None:
    """A run that may end red."""
    with suppress(SettlementError):
        world.run()


def settled_as_one(world: World) -> None:
    """Whatever came before, the next run is green and each unit has moved once, never back."""
    world.run()
    net = net_of(world.warehouse.trades)
    assert world.booked() == net
    moved = Counter[PositionKey]()
    for each in world.sandbox.bookings():
        moved[PositionKey(each.connection_id, each.currency)] += abs(each.amount)
    assert moved == {key: abs(amount) for key, amount in net.items()}
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    before = world.booked()
    world.run()
    assert world.booked() == before


# stories: each takes a copy at the moment of its name


def before_the_first_slot(world: World, copy: Copy) -> None:
    """Everything happened after the copy."""
    copy()
    world.run()


def with_a_prepared_slot(world: World, copy: Copy) -> None:
    """Built and signed, then copied, then sent."""
    world.prepare()
    copy()
    world.run()


def between_a_refusal_and_its_refill(world: World, copy: Copy) -> None:
    """The refused slot was filled with more after the copy."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    run(world)
    copy()
    world.trade(CAROL, BOB, 7)
    world.run()


def between_a_settlement_and_late_trades(world: World, copy: Copy) -> None:
    """The copy knows the first settlement only."""
    world.run()
    copy()
    world.trade(CAROL, BOB, 7)
    world.run()


def with_an_open_slot_that_was_booked(world: World, copy: Copy) -> None:
    """The answer was lost; the copy remembers the attempt."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    run(world)
    copy()
    world.run()


def with_an_open_slot_that_never_arrived(world: World, copy: Copy) -> None:
    """The request was lost; it was sent again after the copy."""
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT)
    run(world)
    copy()
    world.run()


def with_a_pending_slot(world: World, copy: Copy) -> None:
    """The partner took its time."""
    world.fault(FaultKind.PENDING, route=Route.SUBMIT)
    run(world)
    copy()
    world.run()


def with_a_failed_slot(world: World, copy: Copy) -> None:
    """Funds were missing when the copy was taken."""
    world.fault(FaultKind.FAILED, route=Route.SUBMIT)
    run(world)
    copy()
    world.run()


def with_a_rejected_slot(world: World, copy: Copy) -> None:
    """The first externalId was used up before the copy, the next one after it."""
    world.fault(FaultKind.REJECTED, route=Route.SUBMIT)
    run(world)
    copy()
    world.run()


ON_OLD_COPIES = [
    before_the_first_slot,
    with_a_prepared_slot,
    between_a_refusal_and_its_refill,
    between_a_settlement_and_late_trades,
    with_an_open_slot_that_was_booked,
    with_an_open_slot_that_never_arrived,
    with_a_pending_slot,
    with_a_failed_slot,
    with_a_rejected_slot,
]
late_trades = pytest.mark.parametrize("late", [False, True], ids=["no late trades", "late trades"])


@pytest.mark.parametrize("story", ON_OLD_COPIES, ids=lambda each: each.__name__)
@late_trades
def test_an_old_copy_is_healed_by_the_next_run(
    world: World, backup: Backup, story: Story, late: bool
) -> None:
    """The copy is restored after everything was settled."""
    story(world, backup.take)
    world.ledger = backup.restore()
    if late:
        world.trade(ALICE, BOB, 11)
    settled_as_one(world)


@pytest.mark.parametrize(
    "story",
    [
        between_a_refusal_and_its_refill,
        between_a_settlement_and_late_trades,
        with_an_open_slot_that_was_booked,
        with_a_rejected_slot,
    ],
    ids=lambda each: each.__name__,
)
@late_trades
def test_a_dropped_ledger_is_healed_by_the_next_run(
    world: World, fresh_ledger: Ledger, story: Story, late: bool
) -> None:
    """Nothing is left of the ledger after everything was settled."""
    story(world, lambda: None)
    world.ledger = fresh_ledger
    if late:
        world.trade(ALICE, BOB, 11)
    settled_as_one(world)


@pytest.mark.parametrize(
    "fault",
    [
        FaultKind.DROP_BEFORE,
        FaultKind.DROP_AFTER,
        FaultKind.ERROR_AFTER,
        FaultKind.FORBIDDEN,
        FaultKind.PENDING,
        FaultKind.FAILED,
        FaultKind.REJECTED,
    ],
)
@late_trades
def test_a_ledger_lost_while_a_request_was_open(
    world: World, fresh_ledger: Ledger, fault: FaultKind, late: bool
) -> None:
    """Nobody knows any more that something was sent, nor what."""
    world.fault(fault, route=Route.SUBMIT)
    run(world)
    world.ledger = fresh_ledger
    if late:
        world.trade(ALICE, BOB, 11)
    settled_as_one(world)


def test_a_lost_ledger_beside_look_ups_that_lag(ledger: Ledger, fresh_ledger: Ledger) -> None:
    """The partner booked all and shows nothing yet; late trades now split the day otherwise.

    What was in the second request is in the third: only by waiting at the first, which meets its
    own past, is it not sent again under an id that the partner has never seen.
    """
    early, alice, bob = sorted([ALICE, BOB, CAROL])
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(alice, bob, 100)
    world.fault(FaultKind.LAG, route=Route.SUBMIT, look_ups=4, times=None)
    world.run()
    world.sandbox.faults.clear()
    world.ledger = fresh_ledger
    world.trade(alice, early, 11)
    for _ in range(5):
        run(world)
    settled_as_one(world)
