"""The watch says what a person can still do before a pending settlement moves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from partner_sandbox.demo_world import demo_world_with_disputes
from partner_sandbox.faults import FaultKind, Route
from settlement.errors import NotSettledError
from settlement.ledger.database import Ledger
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind
from settlement.watch.open_requests import disputed_or_short, read_pending_requests
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.partners_clock import WINDOWS, PartnersClock
from support.recorder import Recorder

SLOT = f"demo-{DAY}-1"
TRADED = 100_000_000


@pytest.fixture
def clock() -> PartnersClock:
    """The partner's."""
    return PartnersClock()


@pytest.fixture
def world(ledger: Ledger, clock: PartnersClock) -> World:
    """A date with two trades, staged at a partner whose clients have an hour to dispute."""
    kind = demo_world_with_disputes(count=6)
    world = World(ledger, demo_partner(api_version="v2"), clock=clock, kind_of_partner=kind)
    world.trade(ALICE, BOB, TRADED)
    world.trade(CAROL, DAVE, TRADED)
    with pytest.raises(NotSettledError, match="is pending"):
        world.run()
    world.api = Recorder(world.api)
    return world


def look(world: World, later: timedelta = timedelta(0)) -> list[Finding]:
    """What is found about pending requests, now or later."""
    now = world.ledger.now() + later
    context = WatchContext(
        world.ledger, world.partner, lambda: world.warehouse, lambda: world.api, None, now
    )
    return list(disputed_or_short(context, read_pending_requests(context)))


def dispute(world: World, client: str) -> str:
    """A client expected more Bitcoin."""
    return world.sandbox.raise_dispute(SLOT, client, {"BTC": 2 * TRADED}, "one trade is missing").id


def take_from(world: World, client: str, left: int) -> None:
    """A client's allocation is only so much Bitcoin from now on."""
    world.sandbox.fund("BTC", left - world.sandbox.fund("BTC", 0, client), client)


def test_a_pending_settlement_that_nobody_disputes_needs_nobody(world: World) -> None:
    """It is checked without leaving a trace."""
    assert look(world) == []


def test_an_open_dispute_is_said_before_the_windows_end(world: World) -> None:
    """Who disputes what, how to see both sides, and until when something can be done."""
    dispute(world, ALICE)
    dispute(world, DAVE)
    (finding,) = look(world)
    assert (finding.kind, finding.about, finding.needs_a_person) == (Kind.DISPUTED, SLOT, True)
    assert finding.text.startswith(f"disputed by connection {', '.join(sorted([ALICE, DAVE]))}:")
    assert f"`settlement disputes demo --date {DAY}`" in finding.text
    with world.ledger.transaction() as tx:
        sent = tx.exec_driver_sql("SELECT sent_at FROM body").scalar_one()
    assert f"at {(sent + WINDOWS).isoformat(timespec='minutes')}" in finding.text


def test_a_dispute_that_was_retracted_or_closed_needs_nobody(world: World) -> None:
    """There is nothing left to be done for it."""
    world.sandbox.retract_dispute(dispute(world, ALICE))
    world.sandbox.close_dispute(dispute(world, DAVE), {"BTC": TRADED}, "client")
    assert look(world) == []


def test_after_the_windows_it_is_too_late(world: World) -> None:
    """From then on the date itself is checked."""
    dispute(world, ALICE)
    assert look(world, later=WINDOWS - timedelta(minutes=1)) != []
    assert look(world, later=WINDOWS) == []


def test_who_cannot_give_what_is_pending_is_said(world: World) -> None:
    """The custodian holds what it is going to move, which is no shortfall; what is gone is."""
    take_from(world, BOB, TRADED)
    assert look(world) == []
    take_from(world, BOB, TRADED - 1)
    (finding,) = look(world)
    assert (finding.kind, finding.needs_a_person) == (Kind.SHORT_OF_FUNDS, True)
    assert finding.text.startswith(f"connection {BOB} needs 0.00000001 BTC more")
    assert f"for what is pending ({SLOT})" in finding.text


def test_what_is_disputed_need_not_be_funded(world: World) -> None:
    """Its transfers do not run."""
    take_from(world, BOB, 0)
    dispute(world, BOB)
    assert {each.kind for each in look(world)} == {Kind.DISPUTED}


def test_balances_that_nobody_may_see_hide_no_dispute(world: World) -> None:
    """The other finding is made all the same."""
    dispute(world, ALICE)
    world.fault(FaultKind.UNAVAILABLE, route=Route.BALANCES)
    assert {each.kind for each in look(world)} == {Kind.DISPUTED}


def test_where_nothing_is_pending_the_partner_is_not_asked(
    world: World, clock: PartnersClock
) -> None:
    """Nor where its clients cannot dispute."""
    clock.windows_end()
    world.run()
    world.api.requests.clear()
    assert look(world) == []
    assert world.api.requests == []
