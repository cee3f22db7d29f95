"""When nothing may be sent, nothing that could move money reaches the partner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from partner_sandbox.faults import FaultKind, Route
from settlement.config.partner_file import PartnerFile
from settlement.errors import (
    BindingConflictError,
    CredentialsError,
    DateNotDueError,
    DivergedSlotError,
    EmptyDayError,
    ForeignSettlementError,
    HistoryChangedError,
    OutcomeUnknownError,
    PayloadMismatchError,
    StoppedError,
    SupersededError,
    WarehouseDataError,
    WarehouseUnbalancedError,
)
from settlement.ledger.binding import require_binding
from settlement.ledger.database import Ledger
from settlement.ledger.people.holds import put_on_hold
from settlement.ledger.people.stop import lower_stop, raise_stop
from settlement.slot.state import State
from settlement.steps.foreign_settlements import ignore_named, record_settlement
from settlement.values import Window
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, ERIN, World, demo_partner
from support.in_process import MemorySnapshot, MemoryWarehouse, net_of
from support.recorder import Recorder

SLOT = "demo-2026-03-03-1"
SECOND = "demo-2026-03-03-2"
FOREIGN = "other-2026-03-03-1"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients; every request is noted."""
    world = World(ledger)
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    return world


def change(world: World, **changes: object) -> None:
    """Edit the only partner file."""
    world.partner = demo_partner(**changes)


# before any request


def duplicate_trade(world: World) -> None:
    """The load ran twice over one row."""
    world.warehouse.trades.append(world.warehouse.trades[0])


def empty_day(world: World) -> None:
    """The load has not run."""
    world.warehouse.trades.clear()


def future_date(world: World) -> None:
    """The cut-off is past, but not yet long enough."""
    change(world, settle_after=timedelta(days=365_000))


def early_date(world: World) -> None:
    """The date is before the partner's first one."""
    change(world, first_business_date=DAY + timedelta(days=1))


class Unbalanced(MemorySnapshot):
    """A warehouse whose adapted query is wrong by one unit."""

    def house_positions(self) -> dict[str, int]:
        """One unit is missing."""
        sums = super().house_positions()
        return sums | {"USD": sums["USD"] - 1}


class UnbalancedWarehouse(MemoryWarehouse):
    """Every reading of it is unbalanced."""

    @contextmanager
    def snapshot(self, partner: PartnerFile, window: Window) -> Iterator[MemorySnapshot]:
        """The same trades, summed wrongly."""
        with super().snapshot(partner, window) as reading:
            yield Unbalanced(reading.rows)


def wrong_house_side(world: World) -> None:
    """Clients and house do not come to zero."""
    unbalanced = UnbalancedWarehouse()
    unbalanced.trades = world.warehouse.trades
    world.warehouse = unbalanced


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (duplicate_trade, WarehouseDataError),
        (empty_day, EmptyDayError),
        (future_date, DateNotDueError),
        (early_date, DateNotDueError),
        (wrong_house_side, WarehouseUnbalancedError),
    ],
)
def test_a_date_that_cannot_be_trusted_sends_nothing(
    world: World, spoil: Callable[[World], None], error: type[Exception]
) -> None:
    """The partner is asked for its list, once, and for nothing else."""
    spoil(world)
    for _ in range(2):
        with pytest.raises(error):
            world.run()
    due = error is not DateNotDueError
    assert [method for method, *_ in world.api.requests] == ["GET"] * due
    assert world.slots() == []


def deleted_trade(world: World) -> None:
    """The load dropped a trade that is settled."""
    del world.warehouse.trades[0]


def edited_trade(world: World) -> None:
    """The load changed a trade that is settled."""
    first = world.warehouse.trades[0]
    world.warehouse.trades[0] = replace(first, base_quantity=first.base_quantity + 1)


@pytest.mark.parametrize("spoil", [deleted_trade, edited_trade, empty_day])
def test_settled_money_is_never_taken_back_by_a_broken_load(
    world: World, spoil: Callable[[World], None]
) -> None:
    """History that changed needs a person's decision."""
    world.run()
    booked, sent = world.booked(), world.api.settlements
    spoil(world)
    with pytest.raises(HistoryChangedError):
        world.run()
    assert world.api.settlements == sent
    assert world.booked() == booked


# before any settlement


def another_name(world: World) -> None:
    """The partner file was renamed."""
    with world.ledger.transaction() as tx:
        require_binding(tx, demo_partner(name="before"), world.api.base_url, ACTOR)


def another_account(world: World) -> None:
    """Staging's file was pointed at production."""
    with world.ledger.transaction() as tx:
        require_binding(tx, demo_partner(enterprise_id="staging"), world.api.base_url, ACTOR)


def another_unit(world: World) -> None:
    """The unit of amounts was edited: everything would be a million times as much."""
    with world.ledger.transaction() as tx:
        require_binding(tx, demo_partner(amounts="full_units"), world.api.base_url, ACTOR)


def another_version(world: World) -> None:
    """The partner file asks for another version of the API than was settled with so far."""
    with world.ledger.transaction() as tx:
        require_binding(tx, demo_partner(api_version="v2"), world.api.base_url, ACTOR)


def stopped(world: World) -> None:
    """On-call has raised the stop flag."""
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "let me look", ACTOR)


def unknown_connection(world: World) -> None:
    """A trade names a client that has left."""
    world.trade(ALICE, "00000000-0000-4000-8000-000000000000", 5)


def tampered_payload(world: World) -> None:
    """The partner returns another payload than it was asked for."""
    world.fault(FaultKind.WRONG_PAYLOAD, route=Route.PAYLOAD)


def bad_token(world: World) -> None:
    """The access token is refused."""
    world.fault(FaultKind.BAD_TOKEN, times=None)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (another_name, BindingConflictError),
        (another_account, BindingConflictError),
        (another_unit, BindingConflictError),
        (another_version, BindingConflictError),
        (stopped, StoppedError),
    ],
)
def test_the_wrong_account_is_never_talked_to(
    world: World, spoil: Callable[[World], None], error: type[Exception]
) -> None:
    """Nor one that a person has stopped."""
    spoil(world)
    with pytest.raises(error):
        world.run()
    assert world.api.requests == []


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (unknown_connection, WarehouseDataError),
        (tampered_payload, PayloadMismatchError),
        (bad_token, CredentialsError),
    ],
)
def test_what_is_wrong_is_found_before_anything_is_sent(
    world: World, spoil: Callable[[World], None], error: type[Exception]
) -> None:
    """Each with the error that names it."""
    spoil(world)
    with pytest.raises(error):
        world.run()
    assert world.api.settlements == []
    assert world.booked() == {}
    with world.ledger.transaction() as tx:
        assert tx.execute(text("SELECT count(payload) FROM body")).scalar_one() == 0


def test_a_lifted_stop_lets_the_day_settle(world: World) -> None:
    """Nothing of the stopped run stands in the way."""
    stopped(world)
    with pytest.raises(StoppedError):
        world.run()
    with world.ledger.transaction() as tx:
        lower_stop(tx, "demo", "all is well", ACTOR)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_payload_changed_in_the_ledger_is_never_signed(world: World) -> None:
    """The signer checks what it is asked to sign against the lines of the body."""
    world.prepare()
    with world.ledger.transaction() as tx:
        tx.execute(text("UPDATE body SET request = NULL, payload = replace(payload, '100', '900')"))
    with pytest.raises(PayloadMismatchError):
        world.run()
    assert world.api.settlements == []


# only what is on hold


def test_a_connection_on_hold_is_the_only_one_left_out(world: World) -> None:
    """The others settle, the run is green, and the held amounts follow after the hold."""
    until = datetime.now(UTC) + timedelta(days=1)
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", BOB, "under review", until, ACTOR)
    settled = world.run()
    net = net_of(world.warehouse.trades)
    assert world.booked() == {key: held for key, held in net.items() if key.connection_id != BOB}
    assert settled.held == 2
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", BOB, "review done", datetime.now(UTC), ACTOR)
    assert world.run().held == 0
    assert world.booked() == net


# what somebody else has booked


@pytest.fixture
def crowded(world: World, fresh_ledger: Ledger) -> World:
    """Somebody else settles on the same account, under names of their own."""
    others = World(fresh_ledger, demo_partner(name="other"), store=world.store)
    others.trade(ALICE, ERIN, 3)
    others.run()
    return world


def test_a_foreign_settlement_stops_the_run(crowded: World) -> None:
    """Nobody knows which trades it was for."""
    with pytest.raises(ForeignSettlementError, match=FOREIGN):
        crowded.run()
    assert crowded.api.settlements == []
    assert crowded.slots() == []


def test_a_person_may_put_it_aside(crowded: World) -> None:
    """It is none of this project's business: the day settles beside it."""
    ignore_named(crowded.desk, FOREIGN, "the desk's own")
    crowded.run()
    assert crowded.api.settlements == [SLOT]


def test_a_person_may_record_it_for_the_date(crowded: World) -> None:
    """It was part of the day: only the rest is sent."""
    record_settlement(crowded.desk, FOREIGN, DAY, "by hand, in the outage")
    crowded.trade(ALICE, ERIN, 3)
    crowded.run()
    assert crowded.booked() == net_of(crowded.warehouse.trades)


def test_the_partner_file_may_ignore_all_of_them(crowded: World) -> None:
    """An account that others settle on too, by decision."""
    change(crowded, foreign_settlements="ignore")
    crowded.run()
    assert crowded.api.settlements == [SLOT]


# a diverged slot


def test_beside_a_diverged_slot_nothing_is_first_sent(ledger: Ledger) -> None:
    """Somebody booked under our externalId: the next requests of the date stay here."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    world.prepare()
    world.fault(FaultKind.FOREIGN, route=Route.SUBMIT)
    assert world.submit(SLOT).in_conflict
    with pytest.raises(DivergedSlotError, match=SLOT):
        world.submit(SECOND)
    assert world.api.settlements == [SLOT]
    with pytest.raises(DivergedSlotError, match=SLOT):
        world.run()
    assert world.api.settlements == [SLOT]


def test_a_person_ends_a_diverged_slot_and_the_rest_settles(world: World) -> None:
    """Theirs is what is booked; the next difference settles what is left."""
    world.fault(FaultKind.FOREIGN, route=Route.SUBMIT)
    with pytest.raises(DivergedSlotError):
        world.run()
    record_settlement(world.desk, SLOT, DAY, "theirs is right")
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_request_waits_for_the_one_before(ledger: Ledger) -> None:
    """While the first outcome is unknown the second request is not sent."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    world.prepare()
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT)
    for external_id in (SLOT, SECOND):
        with pytest.raises(OutcomeUnknownError):
            world.submit(external_id)
    assert world.api.settlements == [SLOT]


def test_nothing_is_first_sent_past_what_is_left_since_the_build(ledger: Ledger) -> None:
    """Between build and send a person records a settlement made by hand: the plan is void."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    (prepared,) = world.prepare()
    net = net_of(world.warehouse.trades)
    world.sandbox.book_foreign("by-hand-1", [(*key, amount) for key, amount in net.items()])
    record_settlement(world.desk, "by-hand-1", DAY, "settled by phone")
    with pytest.raises(SupersededError, match="only 0 is left"):
        world.submit(prepared)
    world.run()
    assert world.states() == {"by-hand-1": "completed", prepared: "withdrawn"}
    assert world.booked() == net


def test_an_open_request_of_yesterday_is_looked_up_before_it_is_sent_again(world: World) -> None:
    """The partner may not remember its externalIds for ever: what is booked there is found out."""
    (slot,) = world.prepare()
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.submit(slot)
    with world.ledger.transaction() as tx:
        tx.execute(text("UPDATE slot SET first_sent_at = first_sent_at - interval '24 hours'"))
    assert world.submit(slot).state is State.COMPLETED
    assert world.api.settlements == [slot]
