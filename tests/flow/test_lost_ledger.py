"""A ledger that is lost while a request is still on its way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from partner_sandbox.faults import FaultKind, Route
from settlement.config.partner_file import CutOff, PartnerFile
from settlement.errors import (
    EmptyDayError,
    NotSettledError,
    OutcomeUnknownError,
    RefusedError,
    SettlementError,
    WindowConflictError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.dates import load_date
from settlement.ledger.people.holds import put_on_hold
from settlement.partner.exchange import Answer, PartnerApi
from settlement.steps.compute import compute_net_positions
from support.day import ACTOR, ALICE, BOB, CAROL, DAY, World, demo_partner, desk_of
from support.in_process import net_of

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 3, day) for day in (2, 3, 4, 5))
FRIDAY, SATURDAY, NEXT_MONDAY = (date(2026, 3, day) for day in (6, 7, 9))


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
    compute_net_positions(desk_of(fresh_ledger, world.api, world.partner), world.warehouse, DAY)
    with pytest.raises(NotSettledError, match="not listed after the trades were read"):
        world.verify()
    world.run()
    assert world.booked() == {}


def cut_off(at: str, calendar: str = "all-days") -> PartnerFile:
    """The only partner file, its one entry edited in place."""
    entry = CutOff.model_validate({"at": at, "calendar": calendar})
    return demo_partner(cut_offs=(entry,))


@pytest.mark.parametrize(
    ("was", "edited", "traded"),
    [("17:00", "09:00", timedelta(0)), ("09:00", "17:00", timedelta(days=-1))],
)
@pytest.mark.parametrize("first", [MONDAY, TUESDAY, WEDNESDAY])
def test_an_edited_cut_off_moves_no_trade_to_another_date(
    ledger: Ledger, fresh_ledger: Ledger, was: str, edited: str, traded: timedelta, first: date
) -> None:
    """The ledger that knew the windows is gone, and the file says something else: notes tell.

    All trades lie between the two cut-offs. Whichever date is run first, none is ever settled under
    two dates, nor under none.
    """
    days = [MONDAY, TUESDAY, WEDNESDAY]
    world = World(ledger, cut_off(was))
    for day in days:
        world.trade(ALICE, BOB, 100, day=day + traded)
    for day in (MONDAY, WEDNESDAY):
        world.run(day)
    world.ledger, world.partner = fresh_ledger, cut_off(edited)
    settled = set(world.sandbox.settlements())
    world.run(first)
    new = set(world.sandbox.settlements()) - settled
    assert {each.external_id for each in new} <= {"demo-2026-03-03-1"}
    for day in days:
        world.run(day)
    assert world.booked() == net_of(world.warehouse.trades)
    assert len(world.sandbox.settlements()) == len(days)


@pytest.mark.parametrize("adopted_before_the_edit", [False, True])
def test_a_settled_date_that_the_calendar_has_lost_keeps_its_trades(
    ledger: Ledger, fresh_ledger: Ledger, *, adopted_before_the_edit: bool
) -> None:
    """By the calendar of today Saturday's trades are Monday's; by the notes they are settled."""
    world = lost_after_a_saturday(ledger, fresh_ledger)
    if adopted_before_the_edit:
        world.run(FRIDAY)
    world.partner = cut_off("17:00", "weekdays")
    world.trade(ALICE, CAROL, 11, day=NEXT_MONDAY)
    world.run(NEXT_MONDAY)
    assert world.booked() == net_of(world.warehouse.trades)


class Leaving:
    """A partner that leaves something out of what it shows; `without` gives what is left."""

    def __init__(self, api: PartnerApi, without: Callable[[bytes], bytes]) -> None:
        self.api = api
        self.base_url = api.base_url
        self.without = without

    def exchange(self, method: str, path: str, **asked: Any) -> Answer:
        """The same answer, without it."""
        answer = self.api.exchange(method, path, **asked)
        return replace(answer, content=self.without(answer.content))


def without_notes(body: bytes) -> bytes:
    """They are optional."""
    return re.sub(rb',?"notes":"[^"]*"', b"", body)


def without_transfers(body: bytes) -> bytes:
    """As when a settlement is shown before they are."""
    shown = json.loads(body)
    if "settlementTransfers" in shown:
        shown["settlementTransfers"] = []
    return json.dumps(shown).encode()


def test_without_notes_a_date_that_the_calendar_has_lost_stops_the_next_one(
    ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """Nobody can tell what Saturday settled. The ledger that remembers it can."""
    world = lost_after_a_saturday(ledger, fresh_ledger)
    partner_side, world.api = world.api, Leaving(world.api, without_notes)
    world.partner = cut_off("17:00", "weekdays")
    world.trade(ALICE, CAROL, 11, day=NEXT_MONDAY)
    for _ in range(2):
        with pytest.raises(WindowConflictError, match="demo-2026-03-07-1"):
            world.run(NEXT_MONDAY)
    assert len(world.sandbox.settlements()) == 2
    world.ledger, world.api = ledger, partner_side
    world.run(NEXT_MONDAY)
    assert world.booked() == net_of(world.warehouse.trades)


def test_no_window_is_frozen_beside_a_settlement_whose_transfers_are_not_shown_yet(
    ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """The amounts prove its notes, the notes its window. Hours later it is still looked up."""
    world = World(ledger, cut_off("17:00"))
    world.trade(ALICE, BOB, 100, day=TUESDAY)
    world.run(TUESDAY)
    world.ledger, world.partner = fresh_ledger, cut_off("09:00")
    partner_side, world.api = world.api, Leaving(world.api, without_transfers)
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError, match="demo-2026-03-03-1 without transfers"):
            world.run(WEDNESDAY)
        with fresh_ledger.transaction() as tx:
            tx.execute(text("UPDATE listing SET listed_until = listed_until + interval '1 day'"))
    with fresh_ledger.transaction() as tx:
        assert load_date(tx, "demo", WEDNESDAY) is None
    world.api = partner_side
    with pytest.raises(EmptyDayError):
        world.run(WEDNESDAY)
    world.run(TUESDAY)
    assert world.booked() == net_of(world.warehouse.trades)


def lost_after_a_saturday(ledger: Ledger, fresh_ledger: Ledger) -> World:
    """Friday and Saturday are settled by the calendar of all days, then the ledger is gone."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100, day=SATURDAY)
    world.run(SATURDAY)
    world.trade(ALICE, BOB, 7, day=FRIDAY)
    world.run(FRIDAY)
    world.ledger = fresh_ledger
    return world


def test_a_copy_with_other_windows_than_the_partner_shows_sends_nothing(
    ledger: Ledger, fresh_ledger: Ledger
) -> None:
    """A ledger was lost, an empty one went on by an edited file, and now the old one is back."""
    world = World(ledger, cut_off("17:00"))
    world.trade(ALICE, BOB, 100, day=TUESDAY)
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run(TUESDAY)
    world.ledger, world.partner = fresh_ledger, cut_off("09:00")
    world.trade(ALICE, CAROL, 11, day=WEDNESDAY)
    world.run(WEDNESDAY)
    world.ledger = ledger
    for day in (TUESDAY, WEDNESDAY, THURSDAY):
        world.trade(ALICE, BOB, 1, day=day)
        with pytest.raises(WindowConflictError, match="demo-2026-03-04-1 contradicts"):
            world.run(day)
    assert len(world.sandbox.settlements()) == 1
    world.ledger = fresh_ledger
    for day in (TUESDAY, WEDNESDAY, THURSDAY):
        with suppress(EmptyDayError):
            world.run(day)
    assert world.booked() == net_of(world.warehouse.trades[:-1])
