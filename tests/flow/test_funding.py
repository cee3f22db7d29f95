"""Somebody cannot give what a date takes: said before signing, or by the settlement that failed."""

from __future__ import annotations

import pytest

from settlement.errors import SettlementFailedError, ShortOfFundsError
from settlement.ledger.database import Ledger
from settlement.steps.build import Built, build_requests
from settlement.steps.compute import compute_net_positions
from support.day import ALICE, BOB, DAY, World, demo_partner
from support.in_process import net_of
from support.recorder import Recorder

TRADED = 100_000_000
HELD = 60_000_000


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Bob sold 1 BTC and has allocated 0.6."""
    world = World(ledger)
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, TRADED)
    world.sandbox.fund("BTC", HELD - 10**36, BOB)
    return world


def build(world: World) -> Built:
    """Compute and build, as the first tasks of a run do."""
    computed = compute_net_positions(world.desk, world.warehouse, DAY)
    return build_requests(world.desk, DAY, computed.generation)


def test_a_shortfall_is_said_before_anything_is_signed(world: World) -> None:
    """By default it is a warning: the client may still be funding."""
    (found,) = build(world).shortfalls
    text = found.text(world.partner.currencies)
    assert text == f"connection {BOB} needs 0.40000000 BTC more (has 0.60000000)"


def test_a_partner_file_may_refuse_to_sign(world: World) -> None:
    """Then nothing is asked of the partner but balances; once funded, the date settles."""
    world.partner = demo_partner(funding="refuse")
    with pytest.raises(ShortOfFundsError, match=f"{BOB} needs 0.40000000 BTC more"):
        build(world)
    assert not any("settlements-signing" in path for _, path, *_ in world.api.requests)
    world.sandbox.fund("BTC", TRADED - HELD, BOB)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_failed_settlement_says_who_must_fund_what(world: World) -> None:
    """And after that the same bytes complete it."""
    (external_id,) = world.prepare()
    with pytest.raises(SettlementFailedError, match=f"connection {BOB} needs 0.40000000 BTC more"):
        world.submit(external_id)
    assert world.booked() == {}
    world.sandbox.fund("BTC", TRADED - HELD, BOB)
    assert world.submit(external_id).state == "completed"
    sent = [body for _, path, body in world.api.requests if path.endswith("/settlements") and body]
    assert len(sent) == 2
    assert len(set(sent)) == 1


def test_nothing_is_asked_about_a_settled_date(world: World) -> None:
    """No request is new, so no balance matters."""
    world.sandbox.fund("BTC", TRADED - HELD, BOB)
    world.run()
    world.api.requests.clear()
    assert build(world).shortfalls == []
    assert not any("balances" in path for _, path, *_ in world.api.requests)
