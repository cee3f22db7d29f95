"""A ledger that is lost while a request is still on its way."""

from __future__ import annotations

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import OutcomeUnknownError, RefusedError
from settlement.ledger.database import Ledger
from support.day import ALICE, BOB, World, demo_partner
from support.in_process import net_of


def test_a_late_request_from_before_the_loss_meets_the_fence(
    ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """Slots 2 to 4 are booked, 1 is under way: after the loss, its amount gets number 1 again."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    first, *others = world.prepare()
    world.fault(FaultKind.LATE, route=Route.SUBMIT, calls=1000)
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.submit(first)
    with pytest.raises(RefusedError):
        world.submit(first)
    for external_id in others:
        world.submit(external_id)
    world.ledger = fresh_ledger
    world.run()
    assert first in world.states()
    world.sandbox.deliver_late()
    assert world.booked() == net_of(world.warehouse.trades)
