"""Money of a date that is not settled: by what it is in, each amount once."""

from __future__ import annotations

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import SettlementError
from settlement.ledger.at_risk import AtRisk, Risk, money_at_risk, summed
from settlement.ledger.database import Ledger
from settlement.ledger.people import put_on_hold
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner

BOOKED = {"BTC": 200, "USD": 602}
"""Gross: Alice receives 100 BTC and gives 301 USD with her fee, Bob the other way round."""


def at_risk(world: World) -> AtRisk:
    """Of the day."""
    with world.ledger.transaction() as tx:
        return money_at_risk(tx, world.partner.name, DAY)


def of_a_kind(risk: Risk) -> AtRisk:
    """All the day's money."""
    return {currency: {risk: amount} for currency, amount in BOOKED.items()}


@pytest.fixture
def world(ledger: Ledger) -> World:
    """One trade between two clients."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    return world


def test_nothing_is_known_of_a_date_that_was_never_read(world: World) -> None:
    """And nothing is made up."""
    assert at_risk(world) == {}


def test_what_was_never_sent_is_owed(world: World) -> None:
    """Prepared is not sent."""
    world.prepare()
    assert at_risk(world) == of_a_kind(Risk.NOT_SENT)


@pytest.mark.parametrize(
    ("fault", "risk"),
    [
        (FaultKind.DROP_BEFORE, Risk.UNKNOWN),
        (FaultKind.PENDING, Risk.PENDING),
        (FaultKind.FAILED, Risk.FAILED),
        (FaultKind.BAD_REQUEST, Risk.REFUSED),
    ],
)
def test_what_was_sent_is_in_the_state_of_its_request(
    world: World, fault: FaultKind, risk: Risk
) -> None:
    """The whole request is; what settles it takes it away."""
    measures = {"look_ups": 9} if fault is FaultKind.PENDING else {}
    world.fault(fault, route=Route.SUBMIT, **measures)
    (external_id,) = world.prepare()
    try:
        world.submit(external_id)
    except SettlementError:
        assert fault is not FaultKind.PENDING
    assert at_risk(world) == of_a_kind(risk)


def test_a_settled_date_has_none_and_late_trades_are_owed(world: World) -> None:
    """The difference alone, in gross amounts."""
    world.run()
    assert at_risk(world) == {}
    world.trade(CAROL, DAVE, 7)
    world.prepare()
    assert at_risk(world) == {"BTC": {Risk.NOT_SENT: 14}, "USD": {Risk.NOT_SENT: 44}}


def test_one_request_is_unknown_and_the_rest_is_not_sent(ledger: Ledger) -> None:
    """No amount counts twice: together it is what the date would move."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    first, *_ = world.prepare()
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT)
    with pytest.raises(SettlementError):
        world.submit(first)
    found = at_risk(world)
    assert {currency: sum(amounts.values()) for currency, amounts in found.items()} == BOOKED
    assert {risk for amounts in found.values() for risk in amounts} == {
        Risk.UNKNOWN,
        Risk.NOT_SENT,
    }


def test_what_is_on_hold_is_left_out(world: World) -> None:
    """A person wants it so; the other client's side is owed."""
    world.prepare()
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", ALICE, "disputed", None, ACTOR)
    assert at_risk(world) == {"BTC": {Risk.NOT_SENT: 100}, "USD": {Risk.NOT_SENT: 301}}


def test_sums_over_dates_keep_currencies_and_kinds_apart() -> None:
    """As they stand on top of `settlement show`."""
    one: AtRisk = {"BTC": {Risk.UNKNOWN: 1}}
    other: AtRisk = {"BTC": {Risk.UNKNOWN: 2, Risk.PENDING: 4}, "USD": {Risk.NOT_SENT: 8}}
    assert summed([one, other]) == {
        "BTC": {Risk.UNKNOWN: 3, Risk.PENDING: 4},
        "USD": {Risk.NOT_SENT: 8},
    }
    assert one == {"BTC": {Risk.UNKNOWN: 1}}
