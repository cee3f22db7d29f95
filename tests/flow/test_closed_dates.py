"""A person closes a business date: no run settles it, and the watch leaves it alone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.config.partner_file import CutOff
from settlement.errors import ConfigurationError, DateClosedError, OutcomeUnknownError
from settlement.ledger.chain import require_unbroken
from settlement.ledger.database import Ledger
from settlement.ledger.people.closings import close_date, closed_dates, reopen_date
from settlement.ledger.slots import load_slots
from settlement.pages.date_state import DateState
from settlement.pages.settlements import summarize
from settlement.steps.action import action_in, carry_out
from settlement.steps.forecast import Does, forecasts_of_date, load_around
from settlement.values import Actor
from settlement.watch.finding import Finding, Kind
from support.day import ALICE, BOB, DAY, World, demo_partner
from support.recorder import Recorder
from support.watching import look

PETRA = Actor("petra")
SLOT = f"demo-{DAY}-1"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """One trade of one date; every request is noted."""
    world = World(ledger)
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    return world


def close(world: World, day: date = DAY) -> None:
    """Petra closes a date."""
    with world.ledger.transaction() as tx:
        close_date(tx, world.partner, day, "settled by phone", PETRA)


def reopen(world: World) -> None:
    """Petra opens it again."""
    with world.ledger.transaction() as tx:
        reopen_date(tx, world.partner.name, DAY, "it was not", PETRA)


def about(world: World, *kinds: Kind) -> list[Finding]:
    """What the watch finds of these kinds about the date."""
    found = look(world, later=timedelta(hours=1))
    return [each for each in found if each.kind in kinds and each.business_date == DAY]


def test_no_run_reads_or_sends_anything_for_it(world: World) -> None:
    """The text says who has closed it and why; a reopened date settles as if nothing had been."""
    close(world)
    with pytest.raises(DateClosedError, match=r"closed by petra .*settled by phone"):
        world.run()
    assert world.api.requests == []
    assert world.slots() == []
    reopen(world)
    world.run()
    assert world.states() == {SLOT: "completed"}


def test_what_was_built_before_is_not_sent(world: World) -> None:
    """Whoever clears the task that sends meets the closing, too; and it was forecast."""
    world.prepare()
    close(world)
    world.api.requests.clear()
    with world.ledger.transaction() as tx:
        slots = load_slots(tx, "demo", DAY)
        around = load_around(tx, world.partner, DAY)
        said = forecasts_of_date(tx, world.partner, DAY, slots, around)[SLOT]
    assert said.does is Does.BLOCKED
    with pytest.raises(DateClosedError):
        world.submit(SLOT)
    assert world.api.requests == []


def test_a_date_whose_money_may_move_cannot_be_closed(world: World) -> None:
    """An unknown request would be forgotten."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.run()
    with pytest.raises(ConfigurationError, match=f"{SLOT} is unknown"):
        close(world)
    world.run()
    close(world)


def test_only_a_date_is_closed_and_only_once(world: World) -> None:
    """A typing error closes nothing, and nothing is closed or opened twice."""
    weekdays = CutOff.model_validate({"at": "17:00", "calendar": "weekdays"})
    world.partner = demo_partner(cut_offs=(weekdays,))
    with pytest.raises(ConfigurationError, match="no business date"):
        close(world, date(2026, 3, 7))
    close(world)
    with pytest.raises(ConfigurationError, match="closed already"):
        close(world)
    reopen(world)
    with pytest.raises(ConfigurationError, match="is not closed"):
        reopen(world)
    with world.ledger.transaction() as tx:
        assert closed_dates(tx, ["demo"]) == {}
        require_unbroken(tx, "demo")


@pytest.mark.parametrize("read", [True, False], ids=["read", "never read"])
def test_the_watch_leaves_it_alone(world: World, read: bool) -> None:
    """Overdue or never touched: both end, and begin again once it is reopened."""
    world.partner = world.partner.model_copy(
        update={"first_business_date": DAY, "settled_within": timedelta(0)}
    )
    if read:
        world.fault(FaultKind.BAD_REQUEST, route=Route.SUBMIT)
        world.prepare()
    kinds = (Kind.OVERDUE, Kind.NEVER_TOUCHED)
    assert about(world, *kinds) != []
    with world.ledger.transaction() as tx:
        before = summarize(tx, [world.partner])[0]
    close(world)
    assert about(world, *kinds) == []
    with world.ledger.transaction() as tx:
        summary = summarize(tx, [world.partner])[0]
        rows = {each.business_date: each for each in [*summary.rows, *summary.not_settled]}
    assert DAY in {each.business_date for each in before.not_settled}
    assert DAY not in {each.business_date for each in summary.not_settled}
    if DAY in rows:
        assert rows[DAY].state is DateState.CLOSED
        assert rows[DAY].closing is not None


def test_the_form_closes_and_reopens(world: World) -> None:
    """For whoever has no shell; the date is asked for."""
    form = {"action": "close-date", "reason": "a holiday", "business_date": str(DAY)}
    with pytest.raises(ConfigurationError, match="needs business_date"):
        action_in(form | {"business_date": ""})
    desk = world.desk_of(Actor("petra", run_id="manual__1", task_id="act"))
    assert "is closed" in carry_out(desk, action_in(form))
    with world.ledger.transaction() as tx:
        assert ("demo", DAY) in closed_dates(tx, ["demo"])
    again = world.desk_of(Actor("petra", run_id="manual__2", task_id="act"))
    assert "open again" in carry_out(again, action_in(form | {"action": "reopen-date"}))
