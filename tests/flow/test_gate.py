"""Green means settled: the gate says no while anything is open, owed or unread."""

from __future__ import annotations

from contextlib import suppress

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import NotSettledError, SettlementError
from settlement.ledger.database import Ledger
from settlement.steps.compute import compute_net_positions
from settlement.steps.verify import verify_settled
from support.day import ACTOR, ALICE, BOB, CAROL, DAY, World

SLOT = "demo-2026-03-03-1"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """One trade, in one request."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    return world


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (FaultKind.DROP_AFTER, "unknown"),
        (FaultKind.PENDING, "pending"),
        (FaultKind.FAILED, "failed"),
        (FaultKind.FOREIGN, "diverged"),
    ],
)
def test_a_date_is_red_while_a_request_is_open(world: World, fault: FaultKind, state: str) -> None:
    """Its amounts count as taken, so nothing is owed; that proves nothing. It is named."""
    world.fault(fault, route=Route.SUBMIT, times=None)
    with suppress(SettlementError):
        world.run()
    assert world.states() == {SLOT: state}
    with pytest.raises(NotSettledError, match=f"{SLOT} is {state}") as caught:
        world.verify()
    assert f"[runbook: {state}]" in caught.value.message


def test_a_date_is_red_while_a_request_was_never_sent(world: World) -> None:
    """Built and signed is not settled."""
    world.prepare()
    with pytest.raises(NotSettledError, match=f"{SLOT} is prepared"):
        world.verify()


def test_a_date_is_red_while_somebody_is_owed_something(world: World) -> None:
    """A refused request is free again: nothing is open, and nothing is settled."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with suppress(SettlementError):
        world.run()
    assert world.states() == {SLOT: "refused"}
    with pytest.raises(NotSettledError, match="4 position\\(s\\) still differ") as caught:
        world.verify()
    assert ALICE in caught.value.message


def test_a_date_is_red_once_late_trades_were_read(world: World) -> None:
    """Settled a moment ago; then somebody computed it anew."""
    world.run()
    world.trade(CAROL, BOB, 7)
    compute_net_positions(world.ledger, world.api, world.warehouse, world.partner, DAY, ACTOR)
    with pytest.raises(NotSettledError, match="still differ"):
        world.verify()


def test_a_date_is_red_while_its_newest_reading_did_not_end(world: World) -> None:
    """Whoever took the next generation may have seen trades that nobody has settled."""
    world.run()
    world.warehouse.trades.append(world.warehouse.trades[0])
    with pytest.raises(SettlementError, match="more than once"):
        compute_net_positions(world.ledger, world.api, world.warehouse, world.partner, DAY, ACTOR)
    with pytest.raises(NotSettledError, match="did not end in a snapshot"):
        world.verify()


def test_a_date_is_red_before_anybody_has_read_it(world: World) -> None:
    """Nothing is owed and nothing is open, since nothing is known."""
    with pytest.raises(NotSettledError, match="no snapshot"):
        world.verify()


def test_a_date_is_red_if_this_run_has_not_read_its_trades(world: World) -> None:
    """As when somebody marked its compute_net_positions: what has come since, nobody has seen."""
    world.run()
    started = world.ledger.now()
    with pytest.raises(NotSettledError, match="newest snapshot is older than this run"):
        verify_settled(world.ledger, world.partner, DAY, ACTOR, since=started)


def test_a_settled_date_is_green(world: World) -> None:
    """The gate can say yes."""
    world.run()
    assert world.verify().completed == [SLOT]
