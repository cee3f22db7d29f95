"""Limits of a partner: what counts, what gives back, and that two builds cannot both fit in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from partner_sandbox.faults import FaultKind, Route
from settlement.amounts import display
from settlement.config.limits import Limits
from settlement.errors import (
    DivergedSlotError,
    LimitExceededError,
    OutcomeUnknownError,
    RefusedError,
    RejectedError,
    SettlementError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.limits import require_within_limits
from settlement.ledger.people.holds import put_on_hold
from settlement.ledger.schema import body, event
from settlement.slot.difference import Fill
from settlement.steps.build import Built, build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.foreign_settlements import record_settlement
from settlement.steps.reconcile import reconcile_conflicts
from settlement.values import Line
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.in_process import net_of
from support.racing import holding, in_background, waiting_for_locks

BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
SLOT = "demo-2026-03-03-1"
LIMITS_OF_DEMO = "SELECT pg_advisory_xact_lock(hashtextextended('limits of demo', 0))"


def limit(world: World, max_connections_per_request: int = 40, **limits: object) -> None:
    """Edit the section [limits] of the partner file."""
    world.partner = demo_partner(
        limits=Limits.model_validate(limits),
        max_connections_per_request=max_connections_per_request,
    )


@pytest.fixture
def world(ledger: Ledger) -> World:
    """One trade: 100 BTC units from each of two clients, a gross of 200."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    return world


def refusal(world: World, day: date = DAY) -> str:
    """The text with which the limits refuse a run, which leaves no trace in the ledger's slots."""
    before = written(world)
    with pytest.raises(LimitExceededError) as caught:
        world.run(day)
    assert written(world) == before
    return caught.value.message


def written(world: World) -> tuple[Any, ...]:
    """What a build writes: bodies, slots, and events about them."""
    with world.ledger.transaction() as tx:
        bodies = tx.execute(select(func.count()).select_from(body)).scalar_one()
        about_slots = select(func.count()).where(event.c.external_id.is_not(None))
        slots = [world.slots(each) for each in (BEFORE, DAY, AFTER)]
        return (bodies, tx.execute(about_slots).scalar_one(), slots)


def let_pass(world: World, hours: int) -> None:
    """Everything that the ledger holds becomes so much older."""
    with world.ledger.transaction() as tx:
        for column in ("slot.updated_at", "slot.first_sent_at", "body.built_at", "body.sent_at"):
            table, name = column.split(".")
            tx.execute(text(f"UPDATE {table} SET {name} = {name} - interval '{hours} hours'"))


# the caps


def test_what_fits_exactly_is_settled(world: World) -> None:
    """A cap is the most that may move, not the first amount that may not."""
    limit(world, gross_per_date={"BTC": 200}, gross_per_day={"BTC": 200}, requests_per_date=1)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


@pytest.mark.parametrize(
    ("limits", "allowed", "asked"),
    [
        (
            {"gross_per_date": {"BTC": 199}},
            "gross_per_date.BTC allows 0.00000199 BTC for 2026-03-03",
            "0.00000000 BTC taken, 0.00000200 BTC to be added",
        ),
        (
            {"gross_per_day": {"USD": 601}},
            "gross_per_day.USD allows 6.01 USD within 24 hours, over all dates",
            "0.00 USD taken, 6.02 USD to be added",
        ),
        (
            {"gross_per_date": {"BTC": 0}},
            "gross_per_date.BTC allows 0.00000000 BTC for 2026-03-03",
            "0.00000000 BTC taken, 0.00000200 BTC to be added, so nothing more fits",
        ),
    ],
)
def test_one_unit_too_much_is_refused(
    world: World, limits: Mapping[str, object], allowed: str, asked: str
) -> None:
    """The text names the key of the partner file, the amounts in full units, and who decides."""
    limit(world, **limits)
    said = refusal(world)
    assert f"\n- limits.{allowed}: {asked}\n" in said
    assert "only whoever owns the partner file may raise a limit" in said
    assert "demo.toml" in said
    assert world.slots() == []
    assert world.sandbox.settlements() == []


def test_every_limit_that_is_passed_is_named_at_once(world: World) -> None:
    """Nobody has to raise four limits in four runs."""
    per_day = {"requests_per_day": 1, "gross_per_day": {"BTC": 1, "USD": 10**6}}
    per_date = {"requests_per_date": 1, "gross_per_date": {"BTC": 1}}
    limit(world, max_connections_per_request=1, **per_day, **per_date)
    said = refusal(world)
    assert [each.split(" allows")[0] for each in said.split("\n- ")[1:]] == [
        "limits.requests_per_date",
        "limits.gross_per_date.BTC",
        "limits.requests_per_day",
        "limits.gross_per_day.BTC",
    ]
    assert "limits.requests_per_date allows 1 request(s) for 2026-03-03" in said
    assert "0 request(s) taken, 4 request(s) to be added" in said


def test_amounts_of_any_size_are_summed_exactly(world: World) -> None:
    """Far beyond 64 bits, one unit decides."""
    world.trade(ALICE, CAROL, 10**30, base="ETH")
    limit(world, gross_per_date={"ETH": 2 * 10**30}, gross_per_day={"ETH": 4 * 10**30 - 1})
    world.run()
    world.trade(ALICE, BOB, 10**30, base="ETH", day=AFTER)
    assert (
        "limits.gross_per_day.ETH allows 3,999,999,999,999.999999999999999999 ETH within 24 hours, "
        "over all dates: 2,000,000,000,000.000000000000000000 ETH taken, "
        "2,000,000,000,000.000000000000000000 ETH to be added"
    ) in refusal(world, AFTER)


# what counts for a date


def test_late_trades_count_on_top_of_what_is_booked(world: World) -> None:
    """Gross is what moves: a late trade that takes back half of the first moves as much again."""
    limit(world, gross_per_date={"BTC": 299})
    world.run()
    world.trade(BOB, ALICE, 50)
    assert "0.00000200 BTC taken, 0.00000100 BTC to be added" in refusal(world)
    limit(world, gross_per_date={"BTC": 300})
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_prepared_body_that_stays_counts_once(world: World) -> None:
    """Runs that find their request prepared keep it, and keep fitting."""
    limit(world, gross_per_date={"BTC": 200}, gross_per_day={"BTC": 200}, requests_per_day=1)
    assert world.prepare() == world.prepare() == [SLOT]
    assert len(world.slot(SLOT).bodies) == 1


def test_a_prepared_body_that_is_built_again_counts_once(world: World) -> None:
    """The new body replaces the old one."""
    limit(world, gross_per_date={"BTC": 214}, gross_per_day={"BTC": 214}, requests_per_day=1)
    world.prepare()
    world.trade(ALICE, BOB, 7)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_limit_lowered_below_what_is_prepared_stops_it(world: World) -> None:
    """What was never sent is still new, though a build has kept it before."""
    world.prepare()
    limit(world, gross_per_date={"BTC": 199})
    assert "0.00000000 BTC taken, 0.00000200 BTC to be added" in refusal(world)
    assert world.sandbox.settlements() == []


@pytest.mark.parametrize("key", ["gross_per_date", "gross_per_day"])
def test_below_what_is_booked_nothing_new_fits(world: World, key: str) -> None:
    """And the text says so; the settled date itself stays green."""
    world.run()
    limit(world, **{key: {"BTC": 199}})
    assert world.run().completed == [SLOT]
    world.trade(ALICE, BOB, 1)
    assert "0.00000002 BTC to be added, so nothing more fits" in refusal(world)


@pytest.mark.parametrize("key", ["requests_per_date", "requests_per_day"])
def test_a_settled_date_with_more_requests_than_allowed_stays_green(world: World, key: str) -> None:
    """Nothing to send is never too much."""
    limit(world, max_connections_per_request=1)
    world.run()
    limit(world, **{key: 3})
    assert len(world.run().completed) == 4
    world.trade(ALICE, BOB, 1)
    assert "4 request(s) taken, 1 request(s) to be added, so nothing more fits" in refusal(world)


def test_a_cap_stops_only_what_moves_its_currency(world: World) -> None:
    """BTC is used up; a late trade of another pair has nothing to do with that."""
    world.run()
    limit(world, gross_per_date={"BTC": 1}, gross_per_day={"BTC": 1})
    world.trade(ALICE, CAROL, 7, base="ETH")
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


# what gives back


def refuse(world: World, day: date = DAY) -> None:
    """The partner says no, and a look-up finds nothing."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run(day)


def test_a_refused_slot_gives_back_and_its_refill_counts_once(world: World) -> None:
    """However often the partner says no."""
    limit(world, gross_per_date={"BTC": 200}, gross_per_day={"BTC": 200}, requests_per_day=1)
    refuse(world)
    refuse(world)
    world.run()
    assert world.states() == {SLOT: "completed"}


def test_what_a_refused_slot_gives_back_another_date_may_take(world: World) -> None:
    """And then the refill has to wait."""
    limit(world, gross_per_day={"BTC": 200})
    world.trade(BOB, CAROL, 100, day=AFTER)
    refuse(world)
    world.run(AFTER)
    assert "0.00000200 BTC taken, 0.00000200 BTC to be added" in refusal(world)


def test_a_rejected_settlement_gives_back(world: World) -> None:
    """Nothing is booked under it; the next slot carries the amounts."""
    limit(world, gross_per_date={"BTC": 200}, gross_per_day={"BTC": 200}, requests_per_date=1)
    world.fault(FaultKind.REJECTED, route=Route.SUBMIT)
    with pytest.raises(RejectedError):
        world.run()
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_withdrawn_slot_gives_back(world: World) -> None:
    """A hold empties the prepared request; another date may have its share."""
    limit(world, requests_per_day=1)
    world.prepare()
    with world.ledger.transaction() as tx:
        for client in (ALICE, BOB):
            put_on_hold(tx, "demo", client, "let me look", None, ACTOR)
    world.run()
    world.trade(CAROL, DAVE, 100, day=AFTER)
    world.run(AFTER)
    assert world.states() == {SLOT: "withdrawn"}


# what is known late


def book_late(world: World) -> None:
    """A request is lost on its way, sent again and refused; much later the first one arrives."""
    world.prepare()
    world.fault(FaultKind.LATE, route=Route.SUBMIT, calls=1000)
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.submit(SLOT)
    with pytest.raises(RefusedError):
        world.submit(SLOT)


def test_a_refused_slot_that_turns_out_booked_counts_again(world: World) -> None:
    """Both dates took the same room. What is booked is taken in all the same; nothing new fits."""
    limit(world, gross_per_day={"BTC": 300})
    world.trade(BOB, CAROL, 100, day=AFTER)
    book_late(world)
    world.run(AFTER)
    world.sandbox.deliver_late()
    assert world.run().completed == [SLOT]
    assert world.booked() == net_of(world.warehouse.trades)
    world.trade(ALICE, BOB, 1, day=AFTER)
    assert "0.00000400 BTC taken, 0.00000002 BTC to be added, so nothing" in refusal(world, AFTER)


def test_a_refill_meets_what_is_booked_and_is_reconciled(world: World) -> None:
    """The slot was filled again before its old body arrived: 409, and only that one counts."""
    limit(world, gross_per_date={"BTC": 230}, gross_per_day={"BTC": 230})
    book_late(world)
    world.trade(ALICE, BOB, 10)
    world.prepare()
    world.sandbox.deliver_late()
    assert world.submit(SLOT).in_conflict
    limit(world, gross_per_date={"BTC": 0}, gross_per_day={"BTC": 0})
    reconcile_conflicts(world.desk, DAY)
    assert world.states() == {SLOT: "completed"}
    limit(world, gross_per_date={"BTC": 220}, gross_per_day={"BTC": 220})
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_what_is_in_flight_is_replayed_whatever_the_limits_say(world: World) -> None:
    """Its outcome is unknown; sending the same bytes adds nothing."""
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.run()
    nothing = {"BTC": 0, "USD": 0}
    limit(world, gross_per_date=nothing, gross_per_day=nothing)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_diverged_slot_counts_until_a_person_decides(world: World) -> None:
    """Ours may be booked; once theirs is recorded it counts for its date, not for the day."""
    limit(world, gross_per_date={"BTC": 201}, gross_per_day={"BTC": 201})
    world.trade(BOB, CAROL, 100, day=AFTER)
    world.fault(FaultKind.FOREIGN, route=Route.SUBMIT)
    with pytest.raises(DivergedSlotError):
        world.run()
    assert "0.00000200 BTC taken" in refusal(world, AFTER)
    record_settlement(world.desk, SLOT, DAY, "theirs")
    world.run(AFTER)
    booked = world.slot(SLOT).current.positions
    theirs = sum(abs(amount) for key, amount in booked.items() if key.currency == "BTC")
    said = refusal(world)
    assert f"for 2026-03-03: {display(theirs, 8)} BTC taken" in said
    assert "over all dates" not in said


def test_a_lost_ledger_adopts_past_every_limit(world: World, fresh_ledger: Ledger) -> None:
    """What is booked is booked: it counts for its date; when it was built nobody knows."""
    world.run()
    world.ledger = fresh_ledger
    limit(world, gross_per_date={"BTC": 199}, gross_per_day={"BTC": 200})
    assert world.run().completed == [SLOT]
    world.trade(BOB, CAROL, 100, day=AFTER)
    limit(world, gross_per_date={"BTC": 200}, gross_per_day={"BTC": 200})
    world.run(AFTER)
    world.trade(ALICE, BOB, 1)
    assert "limits.gross_per_date.BTC" in refusal(world)


def test_what_a_person_records_counts_for_the_date_only(world: World) -> None:
    """It was settled by hand, past this project."""
    limit(world, gross_per_date={"BTC": 200}, gross_per_day={"BTC": 200})
    world.sandbox.book_foreign("by-hand-1", [(ALICE, "BTC", 7), (BOB, "BTC", -7)])
    record_settlement(world.desk, "by-hand-1", DAY, "phone")
    world.run()
    world.trade(ALICE, BOB, 1)
    said = refusal(world)
    assert "for 2026-03-03: 0.00000200 BTC taken" in said
    assert "over all dates" not in said


# the rolling day


def test_a_backfill_ends_where_the_rolling_day_is_full(world: World) -> None:
    """Three dates in one afternoon; the next day goes on."""
    for day in (BEFORE, AFTER):
        world.trade(BOB, CAROL, 100, day=day)
    limit(world, gross_per_day={"BTC": 400}, requests_per_day=2)
    world.run(BEFORE)
    world.run(DAY)
    said = refusal(world, AFTER)
    assert "limits.requests_per_day allows 2 request(s) within 24 hours, over all dates" in said
    let_pass(world, hours=23)
    assert refusal(world, AFTER) == said
    let_pass(world, hours=1)
    world.run(AFTER)
    assert world.booked() == net_of(world.warehouse.trades)


def test_requests_that_wait_for_days_do_not_all_go_out_at_once(world: World) -> None:
    """A body is counted as long as it may still move, however long ago it was built."""
    limit(world, gross_per_day={"BTC": 200})
    world.trade(BOB, CAROL, 100, day=AFTER)
    world.prepare()
    let_pass(world, hours=72)
    assert "0.00000200 BTC taken" in refusal(world, AFTER)
    world.run()
    assert "0.00000200 BTC taken" in refusal(world, AFTER)
    let_pass(world, hours=24)
    world.run(AFTER)
    assert world.booked() == net_of(world.warehouse.trades)


def test_other_partners_have_limits_of_their_own(world: World) -> None:
    """One ledger, two accounts."""
    limit(world, gross_per_day={"BTC": 200}, requests_per_day=1)
    world.run()
    other = demo_partner(name="other", limits=world.partner.limits)
    with world.ledger.transaction() as tx:
        require_within_limits(tx, other, DAY, [Fill(None, (Line(ALICE, "BTC", 200),))])


# two at once


@pytest.fixture
def observer(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with connections of its own, for what the test itself holds."""
    observer = Ledger.connect(ledger.engine.url)
    yield observer
    observer.engine.dispose()


def test_of_two_builds_that_fit_alone_but_not_together_one_is_refused(
    world: World, observer: Ledger
) -> None:
    """Two dates of a backfill, at the same moment on two workers."""
    world.trade(BOB, CAROL, 100, day=AFTER)
    limit(world, gross_per_day={"BTC": 399}, requests_per_day=2)
    days = (DAY, AFTER)
    generations = [
        compute_net_positions(world.desk, world.warehouse, day).generation for day in days
    ]

    def build(day: date, generation: int) -> Built | SettlementError:
        try:
            return build_requests(world.desk, day, generation)
        except SettlementError as error:
            return error

    work = [lambda at=at: build(*at) for at in zip(days, generations, strict=True)]
    with holding(observer, LIMITS_OF_DEMO) as held, in_background(*work) as built:
        waiting_for_locks(observer, 2)
        held.rollback()
        ended = [each.result() for each in built]
    [refused] = [each for each in ended if isinstance(each, LimitExceededError)]
    assert "0.00000200 BTC taken, 0.00000200 BTC to be added" in refused.message
    assert sorted(len(world.slots(day)) for day in days) == [0, 1]
