"""Limits in a run: a storm ends at them, and a preview says beforehand what the run would say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.config.limits import Limits
from settlement.errors import LimitExceededError, RefusedError, SettlementError
from settlement.ledger.database import Ledger
from settlement.steps.preview import Preview, preview_requests
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.in_process import net_of
from support.recorder import Recorder

AFTER = DAY + timedelta(days=1)
SLOT = "demo-2026-03-03-1"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients, 300 units of BTC from hand to hand: a gross of 600."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 200)
    return world


def limit(world: World, **limits: object) -> None:
    """Edit the section [limits] of the partner file."""
    world.partner = demo_partner(limits=Limits.model_validate(limits))


def preview(world: World) -> Preview:
    """What a run would do now; leaves no trace."""
    before = world.slots()
    shown = preview_requests(world.ledger, world.warehouse, world.partner, DAY)
    assert world.slots() == before
    return shown


def refused_by_run(world: World) -> str | None:
    """What the limits say when the run is made, None if it settles the date."""
    try:
        world.run()
    except LimitExceededError as error:
        return str(error)
    return None


# the preview says what the run says


def nothing_yet(world: World) -> None:
    """The first run of the date."""


def prepared(world: World) -> None:
    """A run that ended before it sent anything."""
    world.prepare()


def prepared_and_outdated(world: World) -> None:
    """The same, and then a late trade."""
    world.prepare()
    world.trade(ALICE, BOB, 50)


def refused(world: World) -> None:
    """The partner said no."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run()


def settled(world: World) -> None:
    """The date is done."""
    world.run()


def late_trades(world: World) -> None:
    """The date was done."""
    world.run()
    world.trade(ALICE, BOB, 50)


def in_flight(world: World) -> None:
    """Sent, and nobody knows."""
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT)
    with pytest.raises(SettlementError):
        world.run()


def a_neighbour_ran(world: World) -> None:
    """Another date has taken from the rolling day."""
    world.trade(ALICE, BOB, 300, day=AFTER)
    world.run(AFTER)


@pytest.mark.parametrize(
    "came_before",
    [
        nothing_yet,
        prepared,
        prepared_and_outdated,
        refused,
        settled,
        late_trades,
        in_flight,
        a_neighbour_ran,
    ],
)
def test_a_preview_refuses_in_the_words_of_the_run_and_only_if_it_would(
    world: World, came_before: Callable[[World], None]
) -> None:
    """Whatever happened to the date before, while the limit is raised step by step."""
    came_before(world)
    for cap in (100, 599, 600, 700, 1_200, 10_000):
        limit(world, gross_per_date={"BTC": cap}, gross_per_day={"BTC": cap}, requests_per_day=2)
        shown = preview(world)
        said = refused_by_run(world)
        assert (str(shown.refusal) if shown.refusal else None) == said
        assert shown.requests or said is None, "the amounts that somebody has to look at"
    assert said is None


# nothing is signed


def test_above_a_limit_nothing_is_asked_for_signed_or_sent(world: World) -> None:
    """A load in the wrong unit: the partner is read, nothing else."""
    recorder = Recorder(world.api)
    world.api = recorder
    limit(world, gross_per_date={"BTC": 10_000})
    world.trade(ALICE, BOB, 100 * 10**8)
    with pytest.raises(LimitExceededError):
        world.run()
    assert {method for method, _, _ in recorder.requests} == {"GET"}
    assert world.slots() == []


def test_a_raised_limit_lets_the_same_run_pass(world: World) -> None:
    """Whoever owns the partner file has looked at the amounts."""
    limit(world, gross_per_date={"BTC": 599})
    assert refused_by_run(world) is not None
    limit(world, gross_per_date={"BTC": 600})
    assert refused_by_run(world) is None
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_storm_of_runs_ends_at_the_rolling_day(world: World) -> None:
    """Five dates, each run again and again with more trades: never more than the cap is booked."""
    limit(world, gross_per_day={"BTC": 2_000}, requests_per_day=6)
    days = [DAY + timedelta(days=number) for number in range(5)]
    refusals = 0
    for _ in range(3):
        for day in days:
            world.trade(ALICE, BOB, 100, day=day)
            try:
                world.run(day)
            except LimitExceededError:
                refusals += 1
    moved = [each for each in world.sandbox.bookings() if each.currency == "BTC"]
    assert sum(abs(each.amount) for each in moved) <= 2_000
    assert len(world.sandbox.settlements()) == 6
    assert refusals == 9
