"""What is at risk of a date: one sentence from the ledger, whatever has become of its requests."""

from __future__ import annotations

from contextlib import suppress

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import SettlementError
from settlement.ledger.database import Ledger
from settlement.ledger.overview import money_at_risk
from settlement.ledger.people.holds import put_on_hold
from settlement.steps.compute import compute_net_positions
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, World

NOTHING = ["nothing at risk"]


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two clients trade 1.5 BTC for 4.50 USD, with a fee of a cent and a rebate of one."""
    world = World(ledger)
    world.trade(ALICE, BOB, 150_000_000, price=0)
    return world


def lines(world: World) -> list[str]:
    """What is at risk of the day."""
    with world.ledger.transaction() as tx:
        return money_at_risk(tx, "demo", DAY).lines(world.partner.currencies)


def run(world: World) -> None:
    """One run, whatever it ends with."""
    with suppress(SettlementError):
        world.run()


def test_a_settled_date_puts_nothing_at_risk(world: World) -> None:
    """Booked is booked."""
    run(world)
    assert lines(world) == NOTHING


def test_a_date_that_nobody_has_read(world: World) -> None:
    """What is owed is not known: that is not nothing."""
    assert lines(world) == ["the date's trades were never read: what is owed is not known"]


@pytest.mark.parametrize(
    ("fault", "state", "follows"),
    [
        (FaultKind.DROP_AFTER, "unknown", "only the same bytes are sent again"),
        (FaultKind.PENDING, "pending", "the partner is working on it"),
        (FaultKind.FAILED, "failed", "once the account is funded"),
        (FaultKind.FORBIDDEN, "refused", "once a person has corrected it"),
        (FaultKind.FOREIGN, "diverged", "a person compares both sides"),
    ],
)
def test_each_state_of_a_request_has_its_words(
    world: World, fault: FaultKind, state: str, follows: str
) -> None:
    """Gross amounts of both clients in full units, since when, and what happens next; once each."""
    world.fault(fault, route=Route.SUBMIT, times=None)
    run(world)
    (line,) = lines(world)
    assert line.startswith(f"{state} 3.00000000 BTC, 0.02 USD since 20")
    assert follows in line


def test_what_was_never_sent_is_owed_since_the_cut_off(world: World) -> None:
    """Built and signed: nothing has moved."""
    world.prepare()
    (line,) = lines(world)
    assert line.startswith("not sent 3.00000000 BTC, 0.02 USD since 2026-03-03 22:00Z")


def test_what_is_on_hold_is_said_apart(world: World) -> None:
    """Two other clients trade as well, one of them is on hold: each amount is in one place."""
    world.trade(CAROL, DAVE, 100, price=1)
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", CAROL, "asked to wait", None, ACTOR)
    run(world)
    (line,) = lines(world)
    assert line.startswith("on hold 0.00000100 BTC, 1.01 USD since")


def test_worst_first(world: World) -> None:
    """Each amount stands in one line: unknown, and what came late and was never sent."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT, times=None)
    run(world)
    world.trade(CAROL, DAVE, 100, price=1)
    compute_net_positions(world.desk, world.warehouse, DAY)
    unknown, not_sent = lines(world)
    assert unknown.startswith("unknown 3.00000000 BTC, 0.02 USD")
    assert not_sent.startswith("not sent 0.00000200 BTC, 2.02 USD")


def test_an_older_reading_is_named_as_such(world: World) -> None:
    """The newest reading did not come to its end: more may be owed than is known."""
    run(world)
    world.warehouse.trades.append(world.warehouse.trades[0])
    with pytest.raises(SettlementError, match="more than once"):
        compute_net_positions(world.desk, world.warehouse, DAY)
    nothing, known = lines(world)
    assert nothing == "nothing at risk"
    assert known.startswith("as far as known: the newest complete reading of trades is of 20")


def test_a_currency_without_decimals_is_shown_in_base_units(world: World) -> None:
    """Rather than as an amount that is not there."""
    world.prepare()
    with world.ledger.transaction() as tx:
        (line,) = money_at_risk(tx, "demo", DAY).lines({"USD": 2})
    assert "300,000,000 base units BTC, 0.02 USD" in line
