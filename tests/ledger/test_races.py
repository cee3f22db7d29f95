"""Two workers at once: each rule of the ledger with two real connections that meet on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import date, timedelta
from threading import Event

import pytest
from sqlalchemy import func, select

from partner_sandbox.faults import FaultKind, Route
from settlement.config.partner_file import CutOff, PartnerFile
from settlement.errors import (
    BindingConflictError,
    HeldConnectionError,
    NotSettledError,
    OutcomeUnknownError,
    StoppedError,
    SupersededError,
)
from settlement.ledger.attempts import attempts_of
from settlement.ledger.binding import require_binding
from settlement.ledger.chain import append_event, require_unbroken
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.dates import load_date, next_generation
from settlement.ledger.people.holds import put_on_hold
from settlement.ledger.people.stop import raise_stop
from settlement.ledger.schema import event
from settlement.slot.state import State
from settlement.steps.build import Built, build_requests
from settlement.steps.compute import Computed, compute_net_positions
from settlement.steps.submit import submit_request
from settlement.values import Actor, Window
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner, desk_of
from support.in_process import MemorySnapshot, MemoryWarehouse, net_of
from support.patience import LONGEST_WAIT_S
from support.racing import (
    Result,
    Turnstile,
    holding,
    in_background,
    waiting_for_locks,
)

SLOT = "demo-2026-03-03-1"
SECOND = "demo-2026-03-03-2"
DATE_ROW = "SELECT * FROM business_date FOR UPDATE"
WINDOWS = "SELECT pg_advisory_xact_lock(hashtextextended('windows of demo', 0))"
CHAIN_HEAD = "SELECT * FROM chain_head FOR UPDATE"
OTHER_WORKER = Actor("another worker")


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    return world


@pytest.fixture
def observer(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with connections of its own, for what the test itself asks or holds."""
    observer = Ledger.connect(ledger.engine.url)
    yield observer
    observer.engine.dispose()


@contextmanager
def meeting_at(
    ledger: Ledger, lock: str, *work: Callable[[], Result]
) -> Iterator[list[Future[Result]]]:
    """Let all pieces of work come to a lock before any of them may go on."""
    with holding(ledger, lock) as held, in_background(*work) as futures:
        waiting_for_locks(ledger, len(work))
        held.rollback()
        yield futures


class SlowWarehouse(MemoryWarehouse):
    """A warehouse whose reading takes until it is told to go on."""

    def __init__(self, warehouse: MemoryWarehouse) -> None:
        super().__init__()
        self.trades = warehouse.trades
        self.reading, self.go_on = Event(), Event()

    @contextmanager
    def snapshot(self, partner: PartnerFile, window: Window) -> Iterator[MemorySnapshot]:
        """Freeze the trades, then wait."""
        with super().snapshot(partner, window) as reading:
            self.reading.set()
            assert self.go_on.wait(LONGEST_WAIT_S)
            yield reading


def compute(world: World, warehouse: MemoryWarehouse | None = None) -> Computed:
    """Step 1 of a run."""
    return compute_net_positions(world.desk, warehouse or world.warehouse, DAY)


def build(world: World, generation: int) -> Built:
    """Step 2 of a run."""
    return build_requests(world.desk, DAY, generation)


# computing


def test_each_computation_takes_a_generation_of_its_own(world: World, observer: Ledger) -> None:
    """Two workers that start the same task at the same moment do not share one."""
    compute(world)

    def take() -> int:
        with world.ledger.transaction() as tx:
            return next_generation(tx, world.partner, DAY, ACTOR).generation

    with meeting_at(observer, DATE_ROW, take, take) as taken:
        assert sorted(each.result() for each in taken) == [2, 3]


def test_only_the_newest_computation_may_build(world: World) -> None:
    """The older one read less: it stores nothing, and what it stored before builds nothing."""
    first = compute(world)
    slow = SlowWarehouse(world.warehouse)
    with in_background(lambda: compute(world, slow)) as (late,):
        assert slow.reading.wait(LONGEST_WAIT_S)
        world.trade(ALICE, CAROL, 7)
        newest = compute(world)
        slow.go_on.set()
        assert isinstance(late.exception(), SupersededError)
    assert build(world, first.generation) == Built([], superseded=True)
    assert build(world, newest.generation).external_ids == [SLOT]
    assert build(world, first.generation) == Built([], superseded=True)
    assert len(world.slot(SLOT).bodies) == 1


def test_windows_of_neighbours_touch_though_both_are_computed_first(
    world: World, observer: Ledger
) -> None:
    """Two first computations at once, the cut-off edited between them: no trade falls through."""
    following = DAY + timedelta(days=1)
    edited = demo_partner(
        cut_offs=(CutOff.model_validate({"at": "19:00", "calendar": "all-days"}),)
    )

    def freeze(partner: PartnerFile, day: date) -> Window:
        with world.ledger.transaction() as tx:
            return next_generation(tx, partner, day, ACTOR).window

    with meeting_at(
        observer,
        WINDOWS,
        lambda: freeze(world.partner, DAY),
        lambda: freeze(edited, following),
    ) as frozen:
        first, second = (each.result() for each in frozen)
    assert first.end == second.start
    with world.ledger.transaction() as tx:
        held = load_date(tx, "demo", DAY)
    assert held is not None
    assert held.window == first


def test_two_runs_of_a_new_ledger_take_over_a_window_once(
    world: World, fresh_ledger: Ledger
) -> None:
    """Both find the date that the lost ledger has settled; its cut-off was edited meanwhile."""
    world.run()
    with world.ledger.transaction() as tx:
        was = load_date(tx, "demo", DAY)
    assert was is not None
    following = DAY + timedelta(days=1)
    world.trade(ALICE, BOB, 7, day=following)
    entry = CutOff.model_validate({"at": "09:00", "calendar": "all-days"})
    partner = demo_partner(cut_offs=(entry,), allow_empty_days=True)
    observer = Ledger.connect(fresh_ledger.engine.url)

    def compute_anew(day: date) -> Window:
        compute_net_positions(desk_of(fresh_ledger, world.api, partner), world.warehouse, day)
        with fresh_ledger.transaction() as tx:
            frozen = load_date(tx, "demo", day)
        assert frozen is not None
        return frozen.window

    with meeting_at(
        observer, WINDOWS, lambda: compute_anew(DAY), lambda: compute_anew(following)
    ) as windows:
        first, second = (each.result() for each in windows)
    observer.engine.dispose()
    assert first == was.window
    assert second.start == first.end


# building


def test_two_builds_of_one_generation_fill_each_slot_once(world: World, observer: Ledger) -> None:
    """The second one finds everything prepared and leaves it."""
    computed = compute(world)
    work = [lambda: build(world, computed.generation)] * 2
    with meeting_at(observer, DATE_ROW, *work) as built:
        assert [each.result().external_ids for each in built] == [[SLOT], [SLOT]]
    assert [len(each.bodies) for each in world.slots()] == [1]


def test_a_build_that_waited_while_a_newer_run_computed_does_nothing(
    world: World, observer: Ledger
) -> None:
    """The generation is checked under the lock, not before it."""
    computed = compute(world)
    work = in_background(lambda: build(world, computed.generation))
    with holding(observer, DATE_ROW) as held, work as (built,):
        waiting_for_locks(observer, 1)
        next_generation(held, world.partner, DAY, OTHER_WORKER)
        held.commit()
        assert built.result() == Built([], superseded=True)
    assert world.slots() == []


def test_what_is_on_its_way_is_in_flight_for_a_build(world: World) -> None:
    """The submit came first: the build leaves its slot alone and opens another."""
    world.prepare()
    turnstile = Turnstile(world.api, "POST", "/settlements")
    desk = desk_of(world.ledger, turnstile, world.partner)
    with in_background(lambda: submit_request(desk, SLOT)) as (submitted,):
        turnstile.reached()
        world.trade(ALICE, CAROL, 7)
        assert world.prepare() == [SLOT, SECOND]
        assert world.states() == {SLOT: "unknown", SECOND: "prepared"}
        turnstile.let_through()
        assert submitted.result().state is State.COMPLETED
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_refilled_slot_is_not_sent_with_its_old_body(world: World, observer: Ledger) -> None:
    """The build came first: the submit that waited finds a body that nobody has signed."""
    world.prepare()
    world.trade(ALICE, CAROL, 7)
    computed = compute(world)
    work = in_background(lambda: build(world, computed.generation))
    with holding(observer, CHAIN_HEAD) as held, work as (built,):
        waiting_for_locks(observer, 1)
        with in_background(lambda: world.submit(SLOT)) as (submitted,):
            waiting_for_locks(observer, 2)
            held.rollback()
            assert isinstance(submitted.exception(), SupersededError)
        assert built.result().external_ids == [SLOT]
    assert world.booked() == {}
    assert world.slot(SLOT).never_sent
    world.run()
    assert world.states() == {SLOT: "completed"}
    assert world.booked() == net_of(world.warehouse.trades)


# sending


def test_two_submits_of_one_slot_send_the_same_bytes(world: World) -> None:
    """Harmless by construction: the partner books once and both answers are folded."""
    world.prepare()
    turnstile = Turnstile(world.api, "POST", "/settlements")

    def submit(who: str) -> State:
        desk = desk_of(world.ledger, turnstile, world.partner, Actor(who))
        return submit_request(desk, SLOT).state

    with in_background(lambda: submit("one"), lambda: submit("other")) as submitted:
        turnstile.reached(2)
        turnstile.let_through()
        assert [each.result() for each in submitted] == [State.COMPLETED, State.COMPLETED]
    first, second = turnstile.requests
    assert first == second
    with world.ledger.transaction() as tx:
        sent = [each for each in attempts_of(tx, SLOT) if each.kind == "submit"]
        folded = select(func.count()).where(event.c.kind == "answered: completed")
        assert tx.execute(folded).scalar_one() == 2
    assert [(each.status, each.answer) for each in sent] == [(200, sent[0].answer)] * 2
    assert world.booked() == net_of(world.warehouse.trades)


def stop(world: World) -> None:
    """On-call raises the stop flag."""
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "let me look", OTHER_WORKER)


def hold_bob(world: World) -> None:
    """On-call holds one connection."""
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", BOB, "let me look", None, OTHER_WORKER)


@pytest.mark.parametrize(
    ("decide", "error"), [(stop, StoppedError), (hold_bob, HeldConnectionError)]
)
def test_a_decision_that_comes_right_before_the_send_is_obeyed(
    ledger: Ledger, decide: Callable[[World], None], error: type[Exception]
) -> None:
    """The submit was under way, looking up the slot before its own; then a person decided."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    world.prepare()
    world.fault(FaultKind.ERROR_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.submit(SLOT)
    booked = world.booked()
    turnstile = Turnstile(world.api, "GET", "/settlements")
    desk = desk_of(world.ledger, turnstile, world.partner)
    with in_background(lambda: submit_request(desk, SECOND)) as (submitted,):
        turnstile.reached()
        decide(world)
        turnstile.let_through()
        assert isinstance(submitted.exception(), error)
    assert world.slot(SLOT).state is State.COMPLETED
    assert world.slot(SECOND).never_sent
    assert world.booked() == booked


# the chain and the binding


def test_the_chain_of_events_holds_under_many_writers(ledger: Ledger, observer: Ledger) -> None:
    """Eight writers on two partners: every event has one place and knows the one before."""

    def write(partner: str, who: int) -> None:
        writer = Ledger.connect(ledger.engine.url)
        for count in range(20):
            with writer.transaction() as tx:
                append_event(tx, partner, "noted", Actor(f"writer {who}"), count=count)
        writer.engine.dispose()

    work = [lambda name=name, who=who: write(name, who) for name in ("a", "b") for who in range(4)]
    with in_background(*work) as written:
        assert [each.result() for each in written] == [None] * 8
    with observer.transaction() as tx:
        assert require_unbroken(tx, "a") == 80
        assert require_unbroken(tx, "b") == 80


def bind(ledger: Ledger, partner: PartnerFile) -> None:
    """What a run's first step at the partner does."""
    with ledger.transaction() as tx:
        require_binding(tx, partner, "https://partner.test", ACTOR)


INSERT_BINDING = """
    INSERT INTO binding VALUES
    (:name, 'https://partner.test', 'demo-enterprise', 'base_units', 'v1', now())
"""


def test_two_names_never_share_an_account(world: World, observer: Ledger) -> None:
    """A renamed partner file and the old one start at the same moment: one of them is refused."""
    with holding(observer, INSERT_BINDING, name="demo") as held:
        renamed = demo_partner(name="renamed")
        with in_background(lambda: bind(world.ledger, renamed)) as (bound,):
            waiting_for_locks(observer, 1)
            held.commit()
            error = bound.exception()
    assert isinstance(error, BindingConflictError)
    assert "one account has one name" in str(error)


def test_the_first_runs_of_a_partner_may_bind_at_once(world: World, observer: Ledger) -> None:
    """A backfill starts many dates together: the account is the same, so nobody is refused."""
    work = in_background(lambda: bind(world.ledger, world.partner))
    with holding(observer, INSERT_BINDING, name="demo") as held, work as (bound,):
        waiting_for_locks(observer, 1)
        held.commit()
        assert bound.result() is None
    with pytest.raises(BindingConflictError, match="enterprise_id"):
        bind(world.ledger, demo_partner(enterprise_id="other"))


def test_after_a_race_of_whole_runs_the_ledger_is_whole(world: World) -> None:
    """Two whole runs of one date at once, whatever their order: settled once, every invariant."""

    def run() -> str:
        try:
            return " ".join(world.run().completed)
        except (SupersededError, NotSettledError):
            return "overtaken"

    with in_background(run, run) as ran:
        assert {each.result() for each in ran} <= {SLOT, "overtaken"}
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
    verify_ledger(world.ledger, "demo", world.partner.currencies)
