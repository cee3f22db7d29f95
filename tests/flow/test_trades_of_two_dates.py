"""A trade belongs to one date, for good: whatever the warehouse does to it afterwards.

It may move to another window or be delivered there again. Then a person decides, and nothing is
settled twice before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import (
    HistoryChangedError,
    OutcomeUnknownError,
    SupersededError,
    TradeOfAnotherDateError,
    WarehouseDataError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.people.question import Choice, Subject
from settlement.ledger.people.questions import Question, open_questions
from settlement.ledger.trade_memory import left_out_among, names_of, remembered
from settlement.steps.build import Built, build_requests
from settlement.steps.compute import Computed, compute_net_positions
from settlement.steps.decide import body_of, decide
from settlement.steps.foreign_settlements import record_settlement
from settlement.values import Actor
from settlement.warehouse import TradeRow
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.in_process import net_of

NEXT = DAY + timedelta(days=1)
PERSON = Actor("petra")


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Trades on two dates; the first date is settled."""
    return settled_first_day(ledger)


def settled_first_day(ledger: Ledger, **changes: object) -> World:
    """Two trades of the first date, which is settled, and one of the next."""
    world = World(ledger, demo_partner(**changes))
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 7)
    world.run()
    world.trade(BOB, CAROL, 55, day=NEXT)
    return world


def move(world: World, trade: TradeRow, days: int = 1) -> TradeRow:
    """The trade's execution time is repaired; when it was recorded stays."""
    moved = replace(trade, executed_at=trade.executed_at + timedelta(days=days))
    world.warehouse.trades[world.warehouse.trades.index(trade)] = moved
    return moved


def deliver_again(world: World, trade: TradeRow) -> None:
    """The venue sends the same fill once more, on the next date."""
    again = timedelta(days=1)
    world.warehouse.trades.append(
        replace(trade, executed_at=trade.executed_at + again, recorded_at=trade.recorded_at + again)
    )


def the_question(world: World, day: date = NEXT) -> Question:
    """The newest open question of a date."""
    with world.ledger.transaction() as tx:
        return open_questions(tx, "demo", day)[-1]


def answer(world: World, choice: Choice, day: date = NEXT) -> None:
    """A person answers it."""
    decide(world.desk_of(PERSON), the_question(world, day).digest, choice, "looked into it")


def compute(world: World, day: date) -> Computed:
    """Read and freeze a date."""
    return compute_net_positions(world.desk, world.warehouse, day)


# a trade that moves, or comes again


@pytest.mark.parametrize("happens", [move, deliver_again])
def test_a_settled_trade_that_turns_up_in_the_next_date_is_asked_about(
    world: World, happens: Callable[[World, TradeRow], object]
) -> None:
    """Nothing of the date is sent; the error and the question name the trade and its date."""
    booked = world.booked()
    trade = world.warehouse.trades[0]
    happens(world, trade)
    with pytest.raises(TradeOfAnotherDateError, match=f"1 trade.*{DAY}.*{trade.trade_id}"):
        world.run(NEXT)
    assert world.booked() == booked
    question = the_question(world)
    assert question.subject is Subject.OTHER_DATE
    text = body_of(question, world.partner.currencies)
    assert trade.trade_id in text
    assert f"{DAY} (1 trades)" in text
    assert f"| {ALICE} | BTC | 0.00000100 |" in text


@pytest.mark.parametrize("happens", [move, deliver_again])
def test_left_out_it_stays_with_its_date_and_the_others_settle(
    world: World, happens: Callable[[World, TradeRow], object]
) -> None:
    """Each trade is booked once; the date is green, later runs ask nothing and send nothing."""
    trades = list(world.warehouse.trades)
    happens(world, trades[0])
    with pytest.raises(TradeOfAnotherDateError):
        world.run(NEXT)
    answer(world, Choice.LEAVE)
    world.run(NEXT)
    assert world.booked() == net_of(trades)
    with world.ledger.transaction() as tx:
        ids = [each.trade_id for each in world.warehouse.trades]
        assert left_out_among(tx, "demo", NEXT, ids) == {trades[0].trade_id}
    late = world.trade(ALICE, DAVE, 3, day=NEXT)
    world.run(NEXT)
    world.run(NEXT)
    assert world.booked() == net_of([*trades, late])
    assert set(world.states(NEXT).values()) == {"completed"}


def test_a_date_that_holds_nothing_but_what_was_left_out_is_settled(ledger: Ledger) -> None:
    """Its load has run, so it is no empty day: the person has said whose the trades are."""
    world = World(ledger, demo_partner(allow_empty_days=False))
    trade = world.trade(ALICE, BOB, 100)
    world.run()
    deliver_again(world, trade)
    with pytest.raises(TradeOfAnotherDateError):
        world.run(NEXT)
    answer(world, Choice.LEAVE)
    world.run(NEXT)
    assert world.states(NEXT) == {}
    assert world.booked() == net_of([trade])


def test_settled_here_as_well_is_twice_and_a_person_has_said_so(world: World) -> None:
    """The venue has used an id again: both are trades. The answer holds for every later run."""
    deliver_again(world, world.warehouse.trades[0])
    with pytest.raises(TradeOfAnotherDateError):
        world.run(NEXT)
    answer(world, Choice.SETTLE)
    world.run(NEXT)
    world.run(NEXT)
    world.run(DAY)
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_moved_trade_is_taken_back_from_its_old_date_and_then_settled_in_the_new_one(
    world: World,
) -> None:
    """Until it is booked no more under the old date, the new one does not get it."""
    move(world, world.warehouse.trades[0])
    with pytest.raises(HistoryChangedError):
        world.run(DAY)
    answer(world, Choice.SETTLE, DAY)
    compute(world, DAY)
    with pytest.raises(TradeOfAnotherDateError):
        world.run(NEXT)
    world.run(DAY)
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_trade_may_move_back_in_time(world: World) -> None:
    """The order of dates does not matter: the earlier date is refused just so."""
    world.run(NEXT)
    booked = world.booked()
    move(world, world.warehouse.trades[-1], days=-1)
    with pytest.raises(TradeOfAnotherDateError, match=str(NEXT)):
        world.run(DAY)
    assert world.booked() == booked


def test_only_what_is_new_is_asked_about(world: World) -> None:
    """Two trades move, one after the other: the second question is about the second one."""
    first, second, _ = world.warehouse.trades
    move(world, first)
    with pytest.raises(TradeOfAnotherDateError):
        world.run(NEXT)
    answer(world, Choice.LEAVE)
    world.run(NEXT)
    move(world, second)
    with pytest.raises(TradeOfAnotherDateError, match=f"1 trade.*{second.trade_id}"):
        world.run(NEXT)
    answer(world, Choice.LEAVE)
    world.run(NEXT)
    assert world.booked() == net_of([first, second, world.warehouse.trades[-1]])


def test_what_was_left_out_is_settled_here_once_its_old_date_has_given_it_back(
    world: World,
) -> None:
    """Left out first, taken back from the old date later: it is settled in the new one, once."""
    move(world, world.warehouse.trades[0])
    with pytest.raises(TradeOfAnotherDateError):
        world.run(NEXT)
    answer(world, Choice.LEAVE)
    world.run(NEXT)
    with pytest.raises(HistoryChangedError):
        world.run(DAY)
    answer(world, Choice.SETTLE, DAY)
    world.run(DAY)
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)


def test_of_two_dates_that_are_computed_at_once_one_gets_the_trade(ledger: Ledger) -> None:
    """It moves while both are read, so each has it: the later freeze begins again, and asks."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 7)
    world.trade(BOB, CAROL, 55, day=NEXT)
    read = world.warehouse.snapshot

    def meanwhile(partner: object, window: object) -> object:
        world.warehouse.snapshot = read  # type: ignore[method-assign]
        reading = read(partner, window)  # type: ignore[arg-type]
        return MovedMeanwhile(world, reading)

    world.warehouse.snapshot = meanwhile  # type: ignore[method-assign, assignment]
    with pytest.raises(SupersededError, match=f"a run of {NEXT} has read trades"):
        compute(world, DAY)
    with pytest.raises(TradeOfAnotherDateError, match=f"{NEXT}.*t000001"):
        world.run(DAY)
    answer(world, Choice.LEAVE, DAY)
    world.run(DAY)
    assert world.booked() == net_of(world.warehouse.trades[1:2])


class MovedMeanwhile:
    """A reading of the first date: before it is frozen, a trade moves and the next date is run."""

    def __init__(self, world: World, reading: object) -> None:
        self.world = world
        self.reading = reading

    def __enter__(self) -> object:
        inside = self.reading.__enter__()  # type: ignore[attr-defined]
        read = inside.net_positions

        def positions() -> object:
            inside.net_positions = read
            original = self.world.warehouse.trades[0]
            moved = move(self.world, original)
            compute(self.world, NEXT)
            self.world.warehouse.trades[self.world.warehouse.trades.index(moved)] = original
            return read()

        inside.net_positions = positions
        return inside

    def __exit__(self, *error: object) -> None:
        self.reading.__exit__(*error)  # type: ignore[attr-defined]


# what the ledger has forgotten


def test_a_lost_ledger_asks_the_warehouse_for_what_went_from_a_settled_date(
    world: World, fresh_ledger: Ledger
) -> None:
    """The first date was settled by another ledger, and does not come to that any more."""
    trade = world.warehouse.trades[0]
    booked = world.booked()
    world.ledger = fresh_ledger
    move(world, trade)
    with pytest.raises(TradeOfAnotherDateError, match=f"{DAY}.*{trade.trade_id}"):
        world.run(NEXT)
    assert world.booked() == booked
    world.run(DAY)  # takes it back: nothing is known of an earlier reading
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_lost_ledger_asks_the_warehouse_for_twins(world: World, fresh_ledger: Ledger) -> None:
    """The trade is in its own window still, and in another one too."""
    trades = list(world.warehouse.trades)
    world.ledger = fresh_ledger
    deliver_again(world, trades[0])
    with pytest.raises(TradeOfAnotherDateError, match=trades[0].trade_id):
        world.run(NEXT)
    answer(world, Choice.LEAVE)
    world.run(NEXT)
    assert world.booked() == net_of(trades)


def test_who_settles_a_twin_has_not_said_so_of_a_trade_that_the_other_date_has_read(
    world: World, fresh_ledger: Ledger
) -> None:
    """The other date's window merely had it too; then that date was run, and settled it."""
    booked = world.booked()
    world.ledger = fresh_ledger
    twin = world.trade(ALICE, DAVE, 9)
    deliver_again(world, twin)
    with pytest.raises(TradeOfAnotherDateError, match=f"{DAY}.*{twin.trade_id}"):
        world.run(NEXT)
    answer(world, Choice.SETTLE)
    world.run(DAY)
    assert world.booked() != booked
    with pytest.raises(TradeOfAnotherDateError, match=f"{DAY}.*{twin.trade_id}"):
        world.run(NEXT)
    answer(world, Choice.LEAVE)
    world.run(NEXT)
    once = [each for each in world.warehouse.trades if each is not twin]
    assert world.booked() == net_of(once)


def test_a_lost_ledger_asks_apart_about_what_is_certain_and_what_is_not(
    world: World, fresh_ledger: Ledger
) -> None:
    """Leaving out a trade that is in two windows must not leave out one that is only suspected."""
    twin, moved = world.warehouse.trades[:2]
    world.ledger = fresh_ledger
    deliver_again(world, twin)
    move(world, moved)
    with pytest.raises(TradeOfAnotherDateError, match=rf"1 trade.* belong to .*{twin.trade_id}"):
        world.run(NEXT)
    assert the_question(world).facts["examples"] == [twin.trade_id]
    answer(world, Choice.LEAVE)
    with pytest.raises(TradeOfAnotherDateError, match=rf"may have come .*{moved.trade_id}"):
        world.run(NEXT)
    assert "**may** have come from" in body_of(the_question(world), world.partner.currencies)
    world.run(DAY)  # takes back what went
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades[:3])


def test_what_arrives_after_the_trades_were_read_is_asked_about_before_anything_is_built(
    ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """A request was under way when its ledger was lost: it is found when the next date is built."""
    world = World(ledger, demo_partner())
    trade = world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 7)
    world.trade(BOB, CAROL, 55, day=NEXT)
    (under_way,) = world.prepare()
    world.fault(FaultKind.LATE, route=Route.SUBMIT, calls=1000)
    with pytest.raises(OutcomeUnknownError):
        world.submit(under_way)
    world.ledger = fresh_ledger
    move(world, trade)
    computed = compute(world, NEXT)
    world.sandbox.deliver_late()
    booked = world.booked()
    built = build_requests(world.desk, NEXT, computed.generation)
    assert built == Built([], superseded=True)
    with pytest.raises(TradeOfAnotherDateError, match=f"{DAY}.*{trade.trade_id}"):
        world.run(NEXT)
    assert world.booked() == booked
    answer(world, Choice.SETTLE)
    world.run(NEXT)  # a person has answered: it is not asked again
    world.run(DAY)  # takes back what went
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)


def test_what_comes_to_a_date_that_is_remembered_again_is_still_asked_about(
    world: World, fresh_ledger: Ledger
) -> None:
    """Another date's run remembers only what the date has read, not what moved there since."""
    late = world.warehouse.trades[-1].recorded_at + timedelta(hours=1)
    trade = world.trade(ALICE, CAROL, 9, recorded_at=late)
    world.run(DAY)
    world.run(NEXT)
    booked = world.booked()
    world.ledger = fresh_ledger
    compute(world, NEXT)
    move(world, trade)
    compute(world, DAY)
    with pytest.raises(TradeOfAnotherDateError, match=trade.trade_id):
        world.run(NEXT)
    assert world.booked() == booked


def test_a_lost_ledger_remembers_again_what_still_comes_to_what_was_settled(
    world: World, fresh_ledger: Ledger
) -> None:
    """So the next run of any date asks its memory, not the warehouse."""
    world.ledger = fresh_ledger
    world.run(NEXT)
    with fresh_ledger.transaction() as tx:
        held = remembered(tx, "demo", DAY)
        assert held is not None
        assert names_of(tx, "demo", DAY, held.read) == ["t000001", "t000002"]


def test_a_shortened_memory_asks_the_warehouse_within_look_back(ledger: Ledger) -> None:
    """Nothing is remembered, and a moved trade is found by the hole that it left."""
    world = settled_first_day(ledger, trade_memory=timedelta(days=1))
    with ledger.transaction() as tx:
        assert remembered(tx, "demo", DAY) is None
    trade = world.warehouse.trades[0]
    move(world, trade)
    with pytest.raises(TradeOfAnotherDateError, match=trade.trade_id):
        world.run(NEXT)
    world.warehouse.trades[0] = trade
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_date_that_a_person_recorded_for_has_its_trades(ledger: Ledger) -> None:
    """Somebody settled the first date by hand; then one of its trades moves to the next."""
    world = World(ledger)
    trade = world.trade(ALICE, BOB, 100)
    world.run()
    by_hand = World(ledger=world.ledger, store=world.store)
    assert by_hand.booked() == world.booked()
    world.trade(BOB, CAROL, 55, day=NEXT)
    (slot,) = world.slots()
    record_settlement(world.desk_of(PERSON), slot.external_id, DAY, "again")
    move(world, trade)
    with pytest.raises(TradeOfAnotherDateError, match=trade.trade_id):
        world.run(NEXT)


# what comes late, and what cannot be


def test_a_trade_that_was_committed_late_settles_by_itself(world: World) -> None:
    """Its `recorded_at` lies under the watermark; nobody has read it, so it is merely added."""
    world.trade(ALICE, CAROL, 9, recorded_at=world.warehouse.trades[0].recorded_at)
    world.run(DAY)
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_late_commit_beside_an_edit_asks_about_the_edit_alone(world: World) -> None:
    """What was read has changed, and that is for a person; what was not read settles."""
    first = world.warehouse.trades[0]
    world.warehouse.trades[0] = replace(first, base_quantity=first.base_quantity + 1)
    late = world.trade(ALICE, CAROL, 9, recorded_at=first.recorded_at)
    with pytest.raises(HistoryChangedError):
        world.run(DAY)
    assert the_question(world, DAY).facts["trades_are"] == 2
    answer(world, Choice.LEAVE, DAY)
    world.run(DAY)
    assert world.booked() == net_of([first, world.warehouse.trades[1], late])


def test_a_trade_of_the_future_is_refused_by_name(world: World) -> None:
    """Frozen, its `recorded_at` would be a watermark under which every later trade is hidden."""
    trade = world.trade(ALICE, BOB, 5, recorded_at=datetime(2031, 1, 1, tzinfo=UTC))
    with pytest.raises(WarehouseDataError, match=f"recorded in the future.*{trade.trade_id}"):
        world.run(DAY)
    world.warehouse.trades.remove(trade)
    world.run(DAY)


def test_a_date_that_was_read_again_by_a_new_ledger_has_its_trades_until_they_are_taken_back(
    world: World, fresh_ledger: Ledger
) -> None:
    """The new ledger has read the first date without its trade, and has booked nothing yet."""
    trade = world.warehouse.trades[0]
    world.ledger = fresh_ledger
    move(world, trade)
    compute(world, DAY)
    with pytest.raises(TradeOfAnotherDateError, match=f"{DAY}.*{trade.trade_id}"):
        world.run(NEXT)
    world.run(DAY)
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)


def test_of_two_forgotten_dates_the_one_that_is_whole_is_asked_about_nothing(
    world: World, fresh_ledger: Ledger
) -> None:
    """Trades came late to the first date only: the second one comes to what was settled."""
    world.run(NEXT)
    world.ledger = fresh_ledger
    late = world.warehouse.trades[0].recorded_at + timedelta(hours=1)
    world.trade(BOB, CAROL, 9, recorded_at=late)
    world.run(NEXT)
    world.run(DAY)
    assert world.booked() == net_of(world.warehouse.trades)


def test_of_trades_that_swapped_one_is_left_out_first(world: World) -> None:
    """Each date waits for the other; once one has given back its own, the other one may have it."""
    world.run(NEXT)
    here, there = world.warehouse.trades[0], world.warehouse.trades[-1]
    move(world, here)
    move(world, there, days=-1)
    for day in (NEXT, DAY):
        with pytest.raises(TradeOfAnotherDateError):
            world.run(day)
    answer(world, Choice.LEAVE, DAY)
    for day in (DAY, NEXT):
        with pytest.raises(HistoryChangedError):
            world.run(day)
        answer(world, Choice.SETTLE, day)
        world.run(day)
    world.run(DAY)
    assert world.booked() == net_of(world.warehouse.trades)
