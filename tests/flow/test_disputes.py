"""A partner whose clients may dispute: version 2 of the API, from staging to what was booked."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
from sqlalchemy import text

from partner_sandbox.demo_world import demo_world_with_disputes
from partner_sandbox.faults import FaultKind, Route
from settlement.config.calendar import BusinessCalendar
from settlement.errors import (
    ChainBrokenError,
    DivergedSlotError,
    HistoryChangedError,
    NotSettledError,
    RefusedError,
)
from settlement.ledger.binding import rebind
from settlement.ledger.chain import read_events
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.people.question import Choice
from settlement.ledger.people.questions import open_questions
from settlement.ledger.transfers import TransferKind, kind_of, load_transfers
from settlement.steps.decide import decide
from settlement.steps.disputes import disputed_requests
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.in_process import net_of
from support.partners_clock import PartnersClock
from support.recorder import Recorder

NEXT_DAY = date(2026, 3, 4)
SLOT = f"demo-{DAY}-1"


@pytest.fixture
def clock() -> PartnersClock:
    """The partner's."""
    return PartnersClock()


@pytest.fixture
def world(ledger: Ledger, clock: PartnersClock) -> World:
    """Two trades between four clients, any of whom may dispute."""
    kind = demo_world_with_disputes(count=6)
    world = World(ledger, demo_partner(api_version="v2"), clock=clock, kind_of_partner=kind)
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    return world


def pending(world: World, day: date = DAY) -> None:
    """One run of a date: staged at the partner, and red until the windows are over."""
    with pytest.raises(NotSettledError, match="is pending"):
        world.run(day)


def kinds(world: World, external_id: str) -> dict[tuple[str, str], int]:
    """How many transfers of each kind and status the ledger holds under a slot."""
    with world.ledger.transaction() as tx:
        shown = load_transfers(tx, external_id)
    counts: dict[tuple[str, str], int] = {}
    for each in shown:
        key = (kind_of(each).value, each.status)
        counts[key] = counts.get(key, 0) + 1
    return counts


def test_a_date_is_settled_when_its_windows_are_over(world: World, clock: PartnersClock) -> None:
    """Until then it is pending and red; nothing but look-ups is needed."""
    pending(world)
    assert world.booked() == {}
    clock.windows_end()
    world.run()
    assert world.states() == {SLOT: "completed"}
    assert world.booked() == net_of(world.warehouse.trades)
    assert kinds(world, SLOT) == {("trading", "completed"): 8}
    verify_ledger(world.ledger, "demo", world.partner.currencies)


def test_the_newest_trade_is_signed_as_the_cut_off(world: World) -> None:
    """In the request for the payload, in what is signed, and in what is sent to version 2."""
    pending(world)
    newest = max(each.executed_at for each in world.warehouse.trades)
    asked, sent = (json.loads(body) for *_, body in world.api.requests if b"cutoffAt" in body)
    expected = newest.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert asked["cutoffAt"] == sent["cutoffAt"] == expected
    assert json.loads(sent["payload"])["cutoffAt"] == expected
    paths = {path for method, path, _ in world.api.requests if path.endswith("/settlements")}
    assert "/api/network/v2/enterprises/demo-enterprise/partners/settlements" in paths


def test_runs_in_between_send_nothing(world: World, clock: PartnersClock) -> None:
    """Cleared five times while it is pending: one settlement, booked once."""
    for _ in range(5):
        pending(world)
    clock.windows_end()
    world.run()
    world.run()
    assert world.api.settlements == [SLOT]
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_disputed_client_is_told_apart_and_never_sent_again(
    world: World, clock: PartnersClock
) -> None:
    """The others are booked; what is disputed counts as instructed, so the date is settled."""
    pending(world)
    world.sandbox.raise_dispute(SLOT, BOB, {"BTC": -80}, "20 too many")
    clock.windows_end()
    world.run()
    booked, net = world.booked(), net_of(world.warehouse.trades)
    assert booked == {key: amount for key, amount in net.items() if key.connection_id != BOB}
    assert kinds(world, SLOT) == {("trading", "completed"): 6, ("trading", "disputed"): 2}
    world.run()
    assert len(world.sandbox.settlements()) == 1


def test_an_adjustment_is_a_row_of_its_own_kind(world: World, clock: PartnersClock) -> None:
    """The next date's settlement carries it; it is no part of what we instructed, nor sent."""
    pending(world)
    raised = world.sandbox.raise_dispute(SLOT, BOB, {"BTC": -80}, "20 too many")
    clock.windows_end()
    world.run()
    world.sandbox.close_dispute(raised.id, {"BTC": -80}, "admin")
    world.trade(ALICE, CAROL, 7, day=NEXT_DAY)
    pending(world, NEXT_DAY)
    clock.windows_end()
    world.run(NEXT_DAY)
    assert kinds(world, f"demo-{NEXT_DAY}-1") == {
        (TransferKind.TRADING, "completed"): 4,
        (TransferKind.ADJUSTMENT, "completed"): 1,
    }
    assert world.booked()[BOB, "BTC"] == -80
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    world.run()
    world.run(NEXT_DAY)
    assert len(world.sandbox.settlements()) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE transfer SET status = 'failed' WHERE connection_id = :bob",
        "UPDATE transfer SET amount = amount + 1 WHERE connection_id = :bob",
        "DELETE FROM transfer WHERE connection_id = :bob",
    ],
)
def test_transfers_that_somebody_changed_are_found(
    world: World, clock: PartnersClock, change: str
) -> None:
    """Events name them by their digest."""
    pending(world)
    clock.windows_end()
    world.run()
    with world.ledger.transaction() as tx:
        tx.execute(text(change), {"bob": BOB})
    with pytest.raises(ChainBrokenError, match=f"the transfers of {SLOT}"):
        verify_ledger(world.ledger, "demo", world.partner.currencies)


def test_trades_that_all_went_are_taken_back_up_to_the_end_of_the_window(
    world: World, clock: PartnersClock
) -> None:
    """There is no newest trade any more; a person has said that they are really gone."""
    pending(world)
    clock.windows_end()
    world.run()
    world.partner = demo_partner(api_version="v2", allow_empty_days=True)
    world.warehouse.trades.clear()
    with pytest.raises(HistoryChangedError):
        world.run()
    with world.ledger.transaction() as tx:
        (question,) = open_questions(tx, "demo")
    decide(world.desk, question.digest, Choice.SETTLE, "gone")
    pending(world)
    sent = [json.loads(body) for _, path, body in world.api.requests if b"signature" in body]
    window = BusinessCalendar(world.partner).window(DAY)
    assert datetime.fromisoformat(sent[-1]["cutoffAt"]) == window.end
    clock.windows_end()
    world.run()
    assert world.booked() == {}


def test_a_dispute_is_shown_beside_what_we_instructed(world: World) -> None:
    """What the client expects, what we asked for, and where it stands."""
    pending(world)
    raised = world.sandbox.raise_dispute(SLOT, BOB, {"BTC": -80}, "20 too many")
    (found,) = disputed_requests(world.desk)
    assert (found.external_id, found.business_date) == (SLOT, DAY)
    assert found.ours["BTC"] == -100
    assert found.dispute.expected == {"BTC": -80}
    assert (found.dispute.status, found.dispute.reason) == ("open", "20 too many")
    world.sandbox.retract_dispute(raised.id)
    (found,) = disputed_requests(world.desk, DAY)
    assert found.dispute.status == "retracted"
    assert disputed_requests(world.desk, NEXT_DAY) == []


def test_liabilities_above_the_allocation_are_refused_by_name(
    world: World, clock: PartnersClock
) -> None:
    """422; once the client has allocated more, the same id is used again."""
    world.sandbox.fund("BTC", 60 - 10**36, BOB)
    with pytest.raises(RefusedError, match=BOB):
        world.run()
    assert world.states() == {SLOT: "refused"}
    world.sandbox.fund("BTC", 40, BOB)
    pending(world)
    clock.windows_end()
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_amounts_that_differ_without_a_dispute_are_a_persons_matter(world: World) -> None:
    """Something under our id is none of our requests."""
    world.fault(FaultKind.FOREIGN, route=Route.SUBMIT)
    with pytest.raises(DivergedSlotError):
        world.run()


def test_a_ledger_lost_while_a_date_is_pending(
    world: World, clock: PartnersClock, fresh_ledger: Ledger
) -> None:
    """The next run finds the settlement, waits for it, and sends only late trades."""
    pending(world)
    world.ledger = fresh_ledger
    world.trade(ALICE, BOB, 11)
    pending(world)
    clock.windows_end()
    world.run()
    clock.windows_end()
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
    assert len(world.sandbox.settlements()) == 2


def test_a_partner_file_of_version_1_is_told_what_to_change(
    world: World, clock: PartnersClock
) -> None:
    """403; the change is recorded, and the date settles under the id that was refused."""
    world.partner = demo_partner()
    with pytest.raises(RefusedError, match=r'api_version = "v2"'):
        world.run()
    world.partner = demo_partner(api_version="v2")
    with world.ledger.transaction() as tx:
        rebind(tx, world.partner, world.api.base_url, "clients may dispute now", ACTOR)
    pending(world)
    clock.windows_end()
    world.run()
    assert world.states() == {SLOT: "completed"}
    assert world.booked() == net_of(world.warehouse.trades)
    with world.ledger.transaction() as tx:
        rebound = [event for event in read_events(tx, "demo") if event.kind == "rebound"]
    assert [event.details["reason"] for event in rebound] == ["clients may dispute now"]
