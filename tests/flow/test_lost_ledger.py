"""A ledger that is lost while a request is still on its way."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import (
    NotSettledError,
    OutcomeUnknownError,
    RefusedError,
    SettlementError,
    WindowConflictError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.people import put_on_hold
from settlement.partner_file import CutOff
from settlement.steps.compute import compute_net_positions
from support.day import ACTOR, ALICE, BOB, CAROL, DAY, World, demo_partner
from support.in_process import net_of


def test_a_late_request_from_before_the_loss_meets_the_fence(
    ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """What was in the first request is in the second now, and the partner refuses the first.

    The no proves nothing about a request that only the lost ledger knew of. So the others wait, and
    when it arrives it is found under the one id that was ever sent.
    """
    early, alice, bob = sorted([ALICE, BOB, CAROL])
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(alice, bob, 100)
    first, *_ = world.prepare()
    world.fault(FaultKind.LATE, route=Route.SUBMIT, calls=1000)
    with pytest.raises(OutcomeUnknownError):
        world.submit(first)
    world.ledger = fresh_ledger
    world.trade(alice, early, 11)
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT, external_id=first)
    with pytest.raises(RefusedError, match=first):
        world.run()
    assert world.booked() == {}
    world.sandbox.deliver_late()
    for _ in range(3):
        with suppress(SettlementError):
            world.run()
    world.verify()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_refused_client_keeps_the_later_requests_waiting_until_it_is_held(ledger: Ledger) -> None:
    """On-call holds the client that the partner refuses: the others settle, in order."""
    early, alice, bob = sorted([ALICE, BOB, CAROL])
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(alice, bob, 100)
    world.trade(alice, early, 11)
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT, external_id=f"demo-{DAY}-1")
    first, *others = world.prepare()
    for external_id in [first, *others]:
        with pytest.raises(RefusedError, match=first):
            world.submit(external_id)
    assert set(world.states().values()) == {"refused", "prepared"}
    with ledger.transaction() as tx:
        put_on_hold(tx, "demo", early, "refused by the partner", None, ACTOR)
    world.run()
    assert {key.connection_id for key in world.booked()} == {alice, bob}


def test_an_empty_ledger_proves_nothing_before_the_partners_list_was_read(
    ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """All trades are gone and nothing is known to be booked: zero against zero is not settled."""
    world = World(ledger, demo_partner(allow_empty_days=True))
    world.trade(ALICE, BOB, 100)
    world.run()
    world.ledger = fresh_ledger
    world.warehouse.trades.clear()
    compute_net_positions(fresh_ledger, world.warehouse, world.partner, DAY, ACTOR)
    with pytest.raises(NotSettledError, match="clear build_requests"):
        world.verify()
    world.run()
    assert world.booked() == {}


@pytest.mark.parametrize("adopted_before_the_edit", [False, True])
def test_a_settled_date_that_the_calendar_has_lost_stops_the_next_one(
    ledger: Ledger, fresh_ledger: Ledger, *, adopted_before_the_edit: bool
) -> None:
    """Without ledger and with an edited calendar, Monday would take Saturday's trades again.

    So it would if Friday's run has adopted Saturday's request before the edit. The ledger that
    remembers Saturday's window does without the old calendar.
    """
    friday, saturday, monday = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9)
    world = World(ledger, demo_partner())
    world.trade(ALICE, BOB, 100, day=saturday)
    world.run(saturday)
    world.trade(ALICE, BOB, 7, day=friday)
    world.run(friday)
    world.ledger = fresh_ledger
    if adopted_before_the_edit:
        world.run(friday)
    weekdays = CutOff.model_validate({"at": "17:00", "calendar": "weekdays"})
    world.partner = demo_partner(cut_offs=(weekdays,))
    world.trade(ALICE, CAROL, 11, day=monday)
    for _ in range(2):
        with pytest.raises(WindowConflictError, match="demo-2026-03-07-1"):
            world.run(monday)
    assert len(world.sandbox.settlements()) == 2
    world.ledger = ledger
    world.run(monday)
    assert world.booked() == net_of(world.warehouse.trades)
