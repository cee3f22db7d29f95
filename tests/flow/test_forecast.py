"""What clearing would do is said before anybody clears, by the rules that then decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.config.limits import Approval
from settlement.errors import SettlementError
from settlement.ledger.database import Ledger
from settlement.ledger.people.holds import put_on_hold
from settlement.ledger.people.stop import raise_stop
from settlement.ledger.slots import load_slots
from settlement.steps.forecast import Does, Forecast, forecasts_of_date, load_around
from settlement.steps.submit import submit_request
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.recorder import Recorder

FIRST, SECOND = "demo-2026-03-03-1", "demo-2026-03-03-2"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Several requests, built and signed; every exchange is noted."""
    world = World(ledger, demo_partner(max_connections_per_request=2))
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 50)
    assert len(world.prepare()) > 1
    world.api = Recorder(world.api)
    return world


def forecast(world: World, external_id: str) -> Forecast:
    """What is said of a request now."""
    with world.ledger.transaction() as tx:
        slots = load_slots(tx, world.partner.name, DAY)
        around = load_around(tx, world.partner, DAY)
        return forecasts_of_date(tx, world.partner, DAY, slots, around)[external_id]


def submit(world: World, external_id: str = FIRST) -> SettlementError | None:
    """Clear its task; the error that it ends with, if it does."""
    try:
        submit_request(world.desk, external_id)
    except SettlementError as error:
        return error
    return None


def answer_lost(world: World) -> None:
    """The first request is booked, and nobody hears of it."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    submit(world)


def first_is_old(world: World) -> None:
    """An answer was lost long ago."""
    answer_lost(world)
    world.partner = world.partner.model_copy(update={"look_up_first_after": timedelta(0)})


def conflict(world: World) -> None:
    """The partner has said 409."""
    world.fault(FaultKind.CONFLICT, route=Route.SUBMIT)
    submit(world)


def completed(world: World) -> None:
    """All is well."""
    assert submit(world) is None


def stopped(world: World) -> None:
    """Somebody has stopped the partner."""
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "a bad feed", ACTOR)


def on_hold(world: World) -> None:
    """A client of the first request is on hold since it was built."""
    line = world.slot(FIRST).current
    assert line is not None
    client = next(iter(line.positions)).connection_id
    with world.ledger.transaction() as tx:
        put_on_hold(tx, world.partner.name, client, "bad trades", None, ACTOR)


def above_the_limit(world: World) -> None:
    """The partner file asks for an approval that nobody has given."""
    limits = Approval.model_validate({"gross": {"BTC": 10}})
    world.partner = world.partner.model_copy(update={"approval": limits})


def refused(world: World) -> None:
    """The partner has said no, and holds nothing."""
    world.fault(FaultKind.BAD_REQUEST, route=Route.SUBMIT)
    submit(world)


def nothing(world: World) -> None:
    """It is built, and that is all."""


CASES: list[tuple[Callable[[World], None], str, Does, str, str]] = [
    (nothing, FIRST, Does.SENDS_FIRST, FIRST, "sends it for the first time"),
    (nothing, SECOND, Does.SENDS_FIRST, FIRST, f"sends {FIRST} first"),
    (answer_lost, FIRST, Does.SENDS_AGAIN, FIRST, "sends the same bytes again"),
    (first_is_old, FIRST, Does.LOOKS_UP, FIRST, "looks up first"),
    (conflict, FIRST, Does.RECONCILES, FIRST, "looked up by reconcile_conflicts"),
    (completed, FIRST, Does.NOTHING, FIRST, "nothing to do: it is completed"),
    (completed, SECOND, Does.SENDS_FIRST, SECOND, "sends it for the first time"),
    (stopped, FIRST, Does.BLOCKED, FIRST, "stopped by"),
    (on_hold, FIRST, Does.BLOCKED, FIRST, "on hold"),
    (above_the_limit, FIRST, Does.BLOCKED, FIRST, "nobody has approved"),
    (refused, FIRST, Does.BLOCKED, FIRST, "refuses it"),
    (refused, SECOND, Does.BLOCKED, SECOND, "it waits"),
]


@pytest.mark.parametrize(("story", "external_id", "does", "about", "words"), CASES)
def test_what_is_said_is_what_is_done(
    world: World,
    story: Callable[[World], None],
    external_id: str,
    does: Does,
    about: str,
    words: str,
) -> None:
    """The first exchange of the cleared task is the one that was named; blocked means none."""
    story(world)
    said = forecast(world, external_id)
    assert (said.does, said.about) == (does, about)
    assert words in said.in_words
    world.api.requests.clear()
    error = submit(world, external_id)
    if does in {Does.BLOCKED, Does.NOTHING, Does.RECONCILES}:
        assert world.api.requests == []
        assert (error is not None) == (does is Does.BLOCKED)
    else:
        method, path, content = world.api.requests[0]
        assert method == ("GET" if does is Does.LOOKS_UP else "POST")
        assert path.endswith("/partners/settlements")
        assert does is Does.LOOKS_UP or about.encode() in content


def test_a_request_that_waits_for_a_silent_partner_is_blocked_for_a_minute(world: World) -> None:
    """Every request that waits would only meet the same timeout."""
    answer_lost(world)
    said = forecast(world, SECOND)
    assert said.does is Does.BLOCKED
    assert "gave no answer" in said.in_words
    world.api.requests.clear()
    assert submit(world, SECOND) is not None
    assert world.api.requests == []
