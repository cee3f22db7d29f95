"""Green means settled: the gate says no while anything is open, owed or unread."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import NotSettledError, SettlementError
from settlement.ledger.database import Ledger
from settlement.steps.branch import NextStep, next_steps
from settlement.steps.compute import compute_net_positions
from settlement.steps.verify import verify_settled
from support.day import ALICE, BOB, CAROL, DAY, World, demo_partner

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


@pytest.mark.parametrize(
    ("fault", "state"), [(FaultKind.FORBIDDEN, "refused"), (FaultKind.REJECTED, "rejected")]
)
def test_a_no_of_the_partner_is_named_first_in_its_words(
    world: World, fault: FaultKind, state: str
) -> None:
    """Nothing is open, and nothing is settled: the cause is said before what is left."""
    world.fault(fault, route=Route.SUBMIT)
    with suppress(SettlementError):
        world.run()
    assert world.states() == {SLOT: state}
    said = world.slot(SLOT).reason
    assert said
    with pytest.raises(NotSettledError, match="4 position\\(s\\) still differ") as caught:
        world.verify()
    _, cause, left, *_ = caught.value.message.splitlines()
    assert cause == f"- {SLOT} is {state} ({said}) [runbook: {state}]"
    assert ALICE in left


def test_a_no_that_explains_nothing_any_more_is_not_named(world: World) -> None:
    """The partner rejected it; the next request settled the same amounts."""
    world.fault(FaultKind.REJECTED, route=Route.SUBMIT, times=1)
    with suppress(SettlementError):
        world.run()
    assert world.run().completed == ["demo-2026-03-03-2"]
    assert world.states()[SLOT] == "rejected"


def test_each_section_is_named_once(world: World) -> None:
    """A request is unknown, three were never sent: one line for each state."""
    world.partner = demo_partner(max_connections_per_request=1)
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT, times=None)
    slots = world.prepare()
    for each in slots:
        with suppress(SettlementError):
            world.submit(each)
    with pytest.raises(NotSettledError) as caught:
        world.verify()
    sections = re.findall(r"\[runbook: ([a-z-]+)\]", str(caught.value))
    assert sections == ["unknown", "prepared", "not-settled"]
    assert all(f"{each} is {state}" in str(caught.value) for each, state in world.states().items())


def test_a_date_is_red_once_late_trades_were_read(world: World) -> None:
    """Settled a moment ago; then somebody computed it anew."""
    world.run()
    world.trade(CAROL, BOB, 7)
    compute_net_positions(world.desk, world.warehouse, DAY)
    with pytest.raises(NotSettledError, match="still differ") as caught:
        world.verify()
    assert caught.value.to_do == "clear compute_net_positions with its downstream tasks"


def test_what_ran_against_a_failed_request_goes_out_with_the_next_run(world: World) -> None:
    """A late trade turns an amount round while its request waits for funds: it waits as well.

    The run that completes the request is red with a difference alone, and says what sends it.
    """
    world.fault(FaultKind.FAILED, route=Route.SUBMIT, times=1)
    with suppress(SettlementError):
        world.run()
    world.trade(BOB, ALICE, 7)
    with pytest.raises(NotSettledError, match="still differ") as caught:
        world.run()
    assert world.states() == {SLOT: "completed"}
    assert caught.value.to_do == "clear compute_net_positions with its downstream tasks"
    assert world.run().completed == [SLOT, "demo-2026-03-03-2"]


def test_a_date_is_red_while_its_newest_reading_did_not_end(world: World) -> None:
    """Whoever took the next generation may have seen trades that nobody has settled."""
    world.run()
    world.warehouse.trades.append(world.warehouse.trades[0])
    with pytest.raises(SettlementError, match="more than once"):
        compute_net_positions(world.desk, world.warehouse, DAY)
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
        verify_settled(world.desk, DAY, since=started)


def test_a_settled_date_is_green(world: World) -> None:
    """The gate can say yes."""
    world.run()
    assert world.verify().completed == [SLOT]
    assert way(world, {SLOT}) == {NextStep.SETTLED}
    assert way(world, set()) == {NextStep.NOTHING_TO_SETTLE}


def way(world: World, submitted: set[str]) -> set[NextStep]:
    """Which way the run goes on."""
    return next_steps(world.ledger, world.partner, DAY, submitted)


def test_nothing_is_called_settled_while_the_gate_would_say_no(world: World) -> None:
    """One request is completed, the next one refused; or nothing was sent at all."""
    world.partner = demo_partner(max_connections_per_request=1)
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT, external_id="demo-2026-03-03-2")
    with suppress(SettlementError):
        world.run()
    first, second, *waiting = world.states().values()
    assert (first, second, set(waiting)) == ("completed", "refused", {"prepared"})
    assert way(world, set(world.states())) == way(world, set()) == set()
