"""One partner's day through all steps, without Airflow."""

from __future__ import annotations

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import OutcomeUnknownError, RefusedError
from settlement.ledger.bodies import load_current_body
from settlement.ledger.database import Ledger
from support.day import ALICE, BOB, CAROL, DAVE, World, demo_partner
from support.in_process import net_of
from support.recorder import Recorder


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    return world


def test_the_first_run_settles_the_whole_day(world: World) -> None:
    """Every net position is booked, exactly, in one completed slot."""
    settled = world.run()
    assert settled.completed == ["demo-2026-03-03-1"]
    assert world.booked() == net_of(world.warehouse.trades)
    assert world.booked()[(CAROL, "BTC")] == 10**30


def test_a_second_run_has_nothing_to_settle(world: World) -> None:
    """Re-running a settled date sends nothing and is green."""
    world.run()
    before = world.booked()
    assert world.prepare() == []
    world.verify()
    assert world.booked() == before


def test_late_trades_settle_as_a_difference(world: World) -> None:
    """Only what was added is sent, under the next slot."""
    world.run()
    world.trade(ALICE, CAROL, 7)
    world.run()
    assert list(world.states()) == ["demo-2026-03-03-1", "demo-2026-03-03-2"]
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_day_is_split_by_connections_losses_first(ledger: Ledger) -> None:
    """No request carries more connections than the partner file allows."""
    world = World(ledger, demo_partner(max_connections_per_request=2))
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 50)
    world.run()
    slots = world.slots()
    assert len(slots) == 4
    assert all(amount < 0 for amount in slots[0].current.positions.values())
    assert all(amount > 0 for amount in slots[-1].current.positions.values())
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_lost_answer_is_recovered_by_sending_the_same_bytes(world: World) -> None:
    """The partner booked it, the answer was lost: the replay finds it settled, once."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.run()
    assert world.states() == {"demo-2026-03-03-1": "unknown"}
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_what_reaches_the_partner_is_what_was_stored(world: World) -> None:
    """Byte for byte, and so is what is sent again after a lost answer."""
    world.api = Recorder(world.api)
    (slot,) = world.prepare()
    with world.ledger.transaction() as tx:
        stored = load_current_body(tx, slot).request
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.submit(slot)
    world.submit(slot)
    sent = [body for _, path, body in world.api.requests if path.endswith("/partners/settlements")]
    assert [body for body in sent if body] == [stored, stored]


def test_a_conflict_that_is_ours_is_reconciled(world: World) -> None:
    """A 409 for a settlement equal to one of our bodies completes the slot."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.run()
    world.fault(FaultKind.CONFLICT, route=Route.SUBMIT)
    world.run()
    assert world.states() == {"demo-2026-03-03-1": "completed"}
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_refused_request_frees_its_slot(world: World) -> None:
    """A no that a look-up confirms frees the slot; the next run fills it again."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run()
    assert world.states() == {"demo-2026-03-03-1": "refused"}
    world.run()
    assert world.states() == {"demo-2026-03-03-1": "completed"}
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_lost_ledger_is_healed_from_the_partner(
    world: World, ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """With an empty ledger the next run adopts what is booked and sends nothing again."""
    world.run()
    world.trade(ALICE, CAROL, 7)
    world.ledger = fresh_ledger
    world.run()
    assert list(world.states()) == ["demo-2026-03-03-1", "demo-2026-03-03-2"]
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_conflict_without_a_settlement_is_sent_again(world: World) -> None:
    """A 409 out of the blue: reconciliation finds nothing, so the same bytes go out once more."""
    world.fault(FaultKind.CONFLICT, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError, match="shows no settlement"):
        world.run()
    world.run()
    assert world.states() == {"demo-2026-03-03-1": "completed"}
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_conflict_over_the_signing_payload_is_sent_again_too(world: World) -> None:
    """The same where the 409 comes before anything was ever sent."""
    world.fault(FaultKind.CONFLICT, route=Route.PAYLOAD)
    with pytest.raises(OutcomeUnknownError, match="shows no settlement"):
        world.run()
    world.run()
    assert world.states() == {"demo-2026-03-03-1": "completed"}
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_slot_whose_payload_met_a_409_is_filled_anew(world: World) -> None:
    """Its amounts have changed since, and nothing of it was ever sent: the id stays the same."""
    world.fault(FaultKind.CONFLICT, route=Route.PAYLOAD)
    with pytest.raises(OutcomeUnknownError, match="shows no settlement"):
        world.run()
    world.trade(BOB, ALICE, 7)
    world.run()
    assert world.states() == {"demo-2026-03-03-1": "completed"}
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_slot_whose_payload_met_a_409_is_emptied_when_nothing_is_owed(ledger: Ledger) -> None:
    """The trade was undone before anything was sent: nothing is open any more."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.fault(FaultKind.CONFLICT, route=Route.PAYLOAD)
    with pytest.raises(OutcomeUnknownError, match="shows no settlement"):
        world.run()
    world.trade(BOB, ALICE, 100)
    world.run()
    assert world.states() == {"demo-2026-03-03-1": "withdrawn"}
    assert world.booked() == {}


def test_requests_are_sent_in_order_in_whatever_order_their_tasks_start(ledger: Ledger) -> None:
    """The task of the last slot, started first, sends the lower slots before its own."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    ready = world.prepare()
    world.submit(ready[-1])
    order = [each.external_id for each in world.sandbox.settlements()]
    assert order == ready
    assert set(world.states().values()) == {"completed"}


def test_nothing_is_sent_past_a_slot_that_is_not_concluded(ledger: Ledger) -> None:
    """While the first request's outcome is unknown, the second is not sent."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    first, second, *_ = world.prepare()
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT, external_id=first)
    with pytest.raises(OutcomeUnknownError, match=f"{second} is not sent yet: it waits. {first}"):
        world.submit(second)
    assert world.sandbox.settlements() == []
