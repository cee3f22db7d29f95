"""Every kind of partner settles a date, late trades, and the date again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from partner_sandbox.demo_world import demo_world
from partner_sandbox.world import World as PartnerWorld
from settlement.errors import NotNettingError, NotSettledError
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.people.holds import put_on_hold
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, World, demo_partner
from support.in_process import net_of
from support.partners_clock import PartnersClock
from support.recorder import Recorder

KINDS = list(product(["v1", "v2"], [False, True], ["base_units", "full_units"]))


def kind_of_world(version: str, broker: bool, amounts: str) -> PartnerWorld:
    """The partner as the sandbox knows it."""
    world = demo_world(count=6)
    windows = {"client_dispute_window_minutes": 60, "top_up_window_minutes": 30}
    changes = {"broker": broker, "unit": amounts, **(windows if version == "v2" else {})}
    return world.changed(partners=tuple(each.changed(**changes) for each in world.partners))


def world_of(ledger: Ledger, version: str, broker: bool, amounts: str) -> World:
    """A partner of a kind; every request is noted."""
    world = World(
        ledger,
        demo_partner(api_version=version, broker=broker, amounts=amounts),
        clock=PartnersClock(),
        kind_of_partner=kind_of_world(version, broker, amounts),
    )
    world.api = Recorder(world.api)
    return world


def trade(world: World, buyer: str, seller: str, quantity: int, seller_fee: int = 0) -> None:
    """By default the platform takes nothing, as a broker's."""
    row = world.trade(buyer, seller, quantity)
    world.warehouse.trades[-1] = replace(row, buyer_fee=0, seller_fee=seller_fee)


def settle(world: World) -> None:
    """Runs until the date is green, the partner's windows passing in between."""
    try:
        world.run()
    except NotSettledError:
        assert isinstance(world.clock, PartnersClock)
        world.clock.windows_end()
        world.run()


@pytest.mark.parametrize(("version", "broker", "amounts"), KINDS)
def test_a_date_its_late_trades_and_the_date_again(
    ledger: Ledger, version: str, broker: bool, amounts: str
) -> None:
    """All of it is booked, once; the second and third run send late trades and nothing."""
    world = world_of(ledger, version, broker, amounts)
    trade(world, ALICE, BOB, 123_456_789)
    trade(world, CAROL, DAVE, 10**30)
    settle(world)
    assert world.booked() == net_of(world.warehouse.trades)
    trade(world, BOB, DAVE, 7)
    settle(world)
    settle(world)
    assert world.booked() == net_of(world.warehouse.trades)
    assert len(world.sandbox.settlements()) == 2
    verify_ledger(ledger, "demo", world.partner.currencies)
    sent = [(path, body) for _, path, body in world.api.requests if path.endswith("/settlements")]
    posted = [(path, json.loads(body)["settlementAmounts"]) for path, body in sent if body]
    for path, asked in posted:
        assert f"/{version}/" in path
        assert depth(asked) == (3 if broker else 2)
    decimals = any("." in text for _, asked in posted for text in leaves(asked))
    assert decimals == (amounts == "full_units")


def depth(amounts: object) -> int:
    """Levels of keys."""
    return 1 + depth(next(iter(amounts.values()))) if isinstance(amounts, dict) else 0


def leaves(amounts: object) -> list[str]:
    """All amounts."""
    if isinstance(amounts, dict):
        return [text for inner in amounts.values() for text in leaves(inner)]
    return [str(amounts)]


ROWS = {
    "without disputes": ('`api_version = "v1"`', ("v1", False, "base_units")),
    "with disputes": ('`api_version = "v2"`', ("v2", False, "base_units")),
    "broker": ("`broker = true`", ("v1", True, "base_units")),
    "in full units": ('`amounts = "full_units"`', ("v1", False, "full_units")),
}
README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize("kind", ROWS)
def test_the_readme_says_what_is_sent_for_each_kind(ledger: Ledger, kind: str) -> None:
    """Its row is written from what was seen."""
    key, settings = ROWS[kind]
    world = world_of(ledger, *settings)
    trade(world, ALICE, BOB, 123_456_789)
    settle(world)
    path, content = next(
        (path, json.loads(body))
        for _, path, body in world.api.requests
        if path.endswith("/settlements") and body
    )
    sent = content["settlementAmounts"]
    levels = ["client", "currency"] if depth(sent) == 2 else ["client", "client", "currency"]
    cells = [
        kind,
        key,
        f"version {path.split('/')[3][1:]}{', with `cutoffAt`' if 'cutoffAt' in content else ''}",
        " → ".join(levels),
        f"`{next(text for text in leaves(sent) if '123' in text.replace('.', '')).lstrip('-')}`",
        "after its windows" if world.clock.passed else "in the answer",
    ]
    assert f"| {' | '.join(cells)} |" in README.read_text(encoding="utf-8").splitlines()


def house(world: World) -> None:
    """A trade with the platform itself."""
    world.trade(ALICE, "house", 5)


def fee(world: World) -> None:
    """The platform keeps a fee."""
    trade(world, ALICE, BOB, 5, seller_fee=1)


def hold(world: World) -> None:
    """One side of a trade is kept out."""
    trade(world, ALICE, BOB, 5)
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", BOB, "under review", None, ACTOR)


def too_many(world: World) -> None:
    """Three clients where two fit."""
    world.partner = demo_partner(broker=True, max_connections_per_request=2)
    trade(world, ALICE, BOB, 5)
    trade(world, ALICE, CAROL, 5)


@pytest.mark.parametrize("spoil", [house, fee, hold, too_many])
def test_a_broker_is_refused_what_cannot_be_one_request(
    ledger: Ledger, spoil: Callable[[World], None]
) -> None:
    """Before anything is asked of the partner for it, and nothing is left half done."""
    world = world_of(ledger, "v1", True, "base_units")
    spoil(world)
    with pytest.raises(NotNettingError):
        world.run()
    assert world.states() == {}
    assert world.booked() == {}
