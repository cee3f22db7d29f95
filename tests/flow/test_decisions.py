"""What only a person can decide: a slot that diverged, history that changed, amounts above limits.

Each answer does to the money what it says, once, and nobody answers what has changed meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.amounts import display
from settlement.errors import (
    DecisionError,
    DivergedSlotError,
    HistoryChangedError,
    NotSettledError,
)
from settlement.ledger.chain import Event, read_events
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.people.questions import (
    Choice,
    Question,
    Subject,
    load_question,
    open_questions,
)
from settlement.request.instruction import SettlementInstruction
from settlement.steps.both_sides import compared
from settlement.steps.decide import Decided, body_of, decide, title_of
from settlement.steps.foreign_settlements import record_settlement
from settlement.steps.preview import preview_requests
from settlement.values import Actor, PositionKey
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World
from support.in_process import net_of
from support.recorder import Recorder

SLOT = "demo-2026-03-03-1"
PERSON = Actor("petra")


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients; every request is noted."""
    world = World(ledger)
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    return world


def open_now(world: World) -> list[Question]:
    """Questions that wait for a person."""
    with world.ledger.transaction() as tx:
        return open_questions(tx, world.partner.name, DAY)


def the_question(world: World) -> Question:
    """The only question that is open."""
    (question,) = open_now(world)
    return question


def answer(
    world: World, choice: Choice, question: Question | None = None, who: Actor = PERSON
) -> Decided:
    """Answer the question, by default the only one that is open."""
    asked = question or the_question(world)
    return decide(world.desk_of(who), asked.digest[:12], choice, "looked into it")


def events(world: World, kind: str) -> list[Event]:
    """Events of one kind."""
    with world.ledger.transaction() as tx:
        return [each for each in read_events(tx, world.partner.name) if each.kind == kind]


def run_until_diverged(world: World) -> Question:
    """Somebody else booked under our externalId."""
    world.fault(FaultKind.FOREIGN, route=Route.SUBMIT)
    with pytest.raises(DivergedSlotError, match="settlement decide"):
        world.run()
    return the_question(world)


def positions_of(request: SettlementInstruction) -> dict[PositionKey, int]:
    """What a request would move."""
    return {
        PositionKey(connection, currency): int(amount)
        for connection, amounts in request.settlement_amounts.items()
        for currency, amount in amounts.items()
    }


# a slot that diverged


def test_a_diverged_slot_is_asked_about_with_both_sides(world: World) -> None:
    """The facts are our body and what the partner shows, amounts as text; the event names them."""
    asked = run_until_diverged(world)
    assert (asked.subject, asked.external_id) == (Subject.DIVERGED, SLOT)
    theirs = {(each["connection"], each["currency"]): each for each in asked.facts["theirs"]}
    booked = world.booked()
    assert {key: int(each["amount"]) for key, each in theirs.items()} == booked
    (ours,) = asked.facts["ours"]
    assert len(ours["lines"]) == len(net_of(world.warehouse.trades))
    (event,) = events(world, "asked")
    assert (event.external_id, event.details["question"]) == (SLOT, asked.digest)


def test_the_table_shows_the_difference(world: World) -> None:
    """A person reads what differs in full units, with the totals, and what each answer does."""
    asked = run_until_diverged(world)
    text = body_of(asked, world.partner.currencies)
    rows = compared(asked.facts).differing
    assert rows
    assert "| connection | currency | ours | theirs | difference |" in text
    for each in rows:
        ours, theirs, more = (
            display(amount, world.partner.currencies[each.key.currency])
            for amount in (each.ours, each.theirs, each.theirs - each.ours)
        )
        amounts = f"{ours} | {theirs} | {more}"
        assert f"| {each.key.connection_id} | {each.key.currency} | {amounts} |" in text
    assert "**adopt**" in text
    assert "**leave**" in text
    assert asked.digest in text


def test_the_title_says_partner_date_and_by_how_much(world: World) -> None:
    """What a list shows of it is enough to know which question is urgent."""
    asked = run_until_diverged(world)
    gross = {each.currency: each.gross for each in compared(asked.facts).totals}
    amounts = ", ".join(
        f"{display(amount, world.partner.currencies[currency])} {currency}"
        for currency, amount in sorted(gross.items())
    )
    assert title_of(asked, world.partner.currencies) == (
        f"demo {DAY}, {amounts}: is what the partner shows under {SLOT} booked?"
    )


def test_adopting_theirs_settles_the_rest(world: World) -> None:
    """What the partner shows is booked; the next difference settles what is left, exactly."""
    run_until_diverged(world)
    decided = answer(world, Choice.ADOPT)
    assert decided.run_again
    assert (decided.question.choice, decided.question.decided_by) == (Choice.ADOPT, "petra")
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
    assert open_now(world) == []
    (event,) = events(world, "decided")
    assert (event.details["choice"], event.details["who"]) == ("adopt", "petra")
    assert verify_ledger(world.ledger, "demo", world.partner.currencies)["questions"] == 1


def test_leaving_it_changes_nothing_and_asks_nobody_again(world: World) -> None:
    """The slot stays diverged and the date red; runs ask nothing more about it."""
    run_until_diverged(world)
    sent = list(world.api.settlements)
    assert not answer(world, Choice.LEAVE).run_again
    for _ in range(2):
        with pytest.raises(DivergedSlotError):
            world.run()
        with pytest.raises(NotSettledError):
            world.verify()
    assert world.states() == {SLOT: "diverged"}
    assert open_now(world) == []
    assert world.api.settlements == sent
    assert len(events(world, "asked")) == 1


def test_what_changed_at_the_partner_is_not_adopted_but_asked_anew(world: World) -> None:
    """Between question and answer the partner shows other amounts: they are shown first."""
    asked = run_until_diverged(world)
    world.store._database.execute(
        "UPDATE transfer SET quantity = CAST(quantity AS INTEGER) + 1 WHERE position = 0"
    )
    with pytest.raises(DecisionError, match="something else now"):
        answer(world, Choice.ADOPT, asked)
    newer = the_question(world)
    assert newer.digest != asked.digest
    assert world.states() == {SLOT: "diverged"}
    with pytest.raises(DecisionError, match="out of date"):
        answer(world, Choice.ADOPT, asked)
    answer(world, Choice.ADOPT, newer)
    assert world.states() == {SLOT: "completed"}


def test_recording_it_by_hand_answers_the_question(world: World) -> None:
    """`settlement record` takes theirs too: the question is answered, not left hanging."""
    asked = run_until_diverged(world)
    record_settlement(world.desk_of(PERSON), SLOT, DAY, "theirs is right")
    with world.ledger.transaction() as tx:
        ended = load_question(tx, "demo", asked.digest)
    assert (ended.choice, ended.decided_by) == (Choice.ADOPT, "petra")
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_what_was_left_can_still_be_recorded(world: World) -> None:
    """A person who left it has a way out: record what the partner shows."""
    run_until_diverged(world)
    answer(world, Choice.LEAVE)
    record_settlement(world.desk_of(PERSON), SLOT, DAY, "explained now")
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_lost_ledger_asks_again(world: World, fresh_ledger: Ledger) -> None:
    """Questions and answers are lost with the ledger: the next run meets the same and asks."""
    run_until_diverged(world)
    answer(world, Choice.LEAVE)
    world.store._database.execute("UPDATE settlement SET notes = 'by hand'")
    world.ledger = fresh_ledger
    with pytest.raises(DivergedSlotError):
        world.run()
    answer(world, Choice.ADOPT)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


# history that changed


def settle_then_lose_a_trade(world: World) -> Question:
    """The day is settled; then the second trade is gone from the warehouse."""
    world.run()
    del world.warehouse.trades[1]
    with pytest.raises(HistoryChangedError, match="settlement decide demo"):
        world.run()
    return the_question(world)


def late(world: World, *arguments: object, **named: object) -> None:
    """A trade that is recorded after everything else."""
    newest = max(each.recorded_at for each in world.warehouse.trades)
    world.trade(*arguments, recorded_at=newest + timedelta(hours=1), **named)


def test_a_change_is_asked_about_with_what_was_and_what_is(world: World) -> None:
    """Counts, positions and totals, amounts as text; the run ends red and nothing is sent."""
    asked = settle_then_lose_a_trade(world)
    facts = asked.facts
    assert asked.subject is Subject.HISTORY
    assert (facts["trades_were"], facts["trades_are"], facts["late_trades"]) == (2, 1, 0)
    assert facts["changed_positions"] == 4
    lost = next(each for each in facts["positions"] if each["connection"] == CAROL)
    assert (lost["currency"], lost["was"], lost["is"]) == ("BTC", str(10**30), "0")
    text = body_of(asked, world.partner.currencies)
    assert "2 trades. 1 of them are still there" in text
    assert "**settle**" in text
    assert "**leave**" in text
    assert len(world.api.settlements) == 1


def test_a_change_that_is_settled_takes_back_what_is_gone(world: World) -> None:
    """The reading is taken as it is: the partner has exactly what the warehouse says."""
    settle_then_lose_a_trade(world)
    assert answer(world, Choice.SETTLE).run_again
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
    assert open_now(world) == []


def test_a_change_that_is_left_moves_nothing_ever(world: World) -> None:
    """Runs are green, nothing is sent, nobody is asked again."""
    settle_then_lose_a_trade(world)
    before = world.booked()
    assert answer(world, Choice.LEAVE).run_again
    for _ in range(3):
        world.run()
    assert world.booked() == before
    assert len(world.api.settlements) == 1
    assert len(events(world, "asked")) == 1


def test_late_trades_settle_beside_a_change_that_was_left(world: World) -> None:
    """What is added later moves, to the unit; what was left does not."""
    settle_then_lose_a_trade(world)
    before = world.booked()
    answer(world, Choice.LEAVE)
    late(world, ALICE, DAVE, 7)
    added = net_of(world.warehouse.trades[-1:])
    world.run()
    expected = {key: before.get(key, 0) + added.get(key, 0) for key in {*before, *added}}
    assert world.booked() == {key: amount for key, amount in expected.items() if amount}
    world.run()
    assert len(world.api.settlements) == 2


def test_trades_loaded_again_under_a_new_time_are_not_settled_twice(world: World) -> None:
    """After a reload old trades look late: leaving the change would pay them again, so it asks."""
    world.run()
    booked = world.booked()
    world.warehouse.trades = [
        replace(each, recorded_at=each.recorded_at + timedelta(days=1))
        for each in world.warehouse.trades
    ]
    with pytest.raises(HistoryChangedError, match="loaded again under a new recorded_at"):
        world.run()
    text = body_of(the_question(world), world.partner.currencies)
    assert "2 late trade(s) may be the ones that went" in text
    assert "*leave* settles them a second time" in text
    answer(world, Choice.SETTLE)
    world.run()
    assert world.booked() == booked
    assert len(world.api.settlements) == 1


def test_trades_that_come_back_late_after_they_were_left_are_asked_about(world: World) -> None:
    """The same trade under a new time, after somebody left that it was gone: no second payment."""
    gone = world.warehouse.trades[1]
    settle_then_lose_a_trade(world)
    booked = world.booked()
    answer(world, Choice.LEAVE)
    world.run()
    world.warehouse.trades.append(replace(gone, recorded_at=gone.recorded_at + timedelta(days=1)))
    with pytest.raises(HistoryChangedError):
        world.run()
    answer(world, Choice.SETTLE)
    world.run()
    assert world.booked() == booked == net_of(world.warehouse.trades)


def test_a_repaired_warehouse_needs_no_answer_any_more(world: World) -> None:
    """The load was half done: afterwards nothing has changed, and the question is out of date."""
    gone = world.warehouse.trades[1]
    asked = settle_then_lose_a_trade(world)
    world.warehouse.trades.append(gone)
    world.run()
    assert open_now(world) == []
    with pytest.raises(DecisionError, match="out of date"):
        answer(world, Choice.SETTLE, asked)
    assert len(world.api.settlements) == 1


def test_an_answer_counts_once_and_not_for_the_next_broken_load(world: World) -> None:
    """The load breaks in the same way twice: the second time it is asked again."""
    gone = world.warehouse.trades[1]
    settle_then_lose_a_trade(world)
    answer(world, Choice.SETTLE)
    world.run()
    world.warehouse.trades.append(gone)  # what was taken back has come again: merely added
    world.run()
    world.warehouse.trades.remove(gone)
    with pytest.raises(HistoryChangedError):
        world.run()
    answer(world, Choice.LEAVE)
    world.run()
    assert world.booked() == net_of([*world.warehouse.trades, gone])


def test_an_answer_that_was_never_used_is_void_once_the_load_is_repaired(world: World) -> None:
    """Settle was answered, then the trades came back: the next gap is another question."""
    gone = world.warehouse.trades[1]
    settle_then_lose_a_trade(world)
    answer(world, Choice.SETTLE)
    world.warehouse.trades.append(gone)
    world.run()
    world.warehouse.trades.remove(gone)
    with pytest.raises(HistoryChangedError):
        world.run()
    assert len(world.api.settlements) == 1


def test_an_answer_stays_valid_while_trades_are_added(world: World) -> None:
    """Between question and answer the load goes on: the change is still the same change."""
    settle_then_lose_a_trade(world)
    late(world, ALICE, DAVE, 7)
    answer(world, Choice.SETTLE)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_second_change_is_another_question(world: World) -> None:
    """One change was left; the next one is not left with it."""
    settle_then_lose_a_trade(world)
    answer(world, Choice.LEAVE)
    world.run()
    changed = world.warehouse.trades[0]
    world.warehouse.trades[0] = replace(changed, base_quantity=changed.base_quantity + 1)
    with pytest.raises(HistoryChangedError):
        world.run()
    answer(world, Choice.SETTLE)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


@pytest.mark.parametrize("choice", [Choice.SETTLE, Choice.LEAVE])
def test_a_day_whose_trades_all_went_is_for_a_person_too(world: World, choice: Choice) -> None:
    """An empty warehouse: settled, everything is taken back; left, everything stays.

    If the trades come again, they are added once more.
    """
    world.run()
    before = world.booked()
    trades, world.warehouse.trades = world.warehouse.trades, []
    with pytest.raises(HistoryChangedError):
        world.run()
    answer(world, choice)
    world.run()
    assert world.booked() == ({} if choice is Choice.SETTLE else before)
    world.warehouse.trades = trades
    world.run()
    assert world.booked() == before


def test_a_preview_follows_the_answer_and_asks_nothing(world: World) -> None:
    """It refuses as the run does, stores no question, and shows what the answer moves."""
    world.run()
    gone = world.warehouse.trades.pop()
    arguments = (world.ledger, world.warehouse, world.partner, DAY)
    with pytest.raises(HistoryChangedError):
        preview_requests(*arguments)
    assert open_now(world) == []
    with pytest.raises(HistoryChangedError):
        world.run()
    answer(world, Choice.SETTLE)
    (request,) = preview_requests(*arguments).requests
    moved = {key: -amount for key, amount in net_of([gone]).items()}
    assert positions_of(request) == moved
    assert len(world.api.settlements) == 1
