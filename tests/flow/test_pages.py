"""What the settlement pages say of dates, read from the ledger alone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, event

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import DivergedSlotError, SettlementError
from settlement.ledger.people.holds import put_on_hold
from settlement.ledger.people.stop import raise_stop
from settlement.pages.date_page import read_date_page
from settlement.pages.date_state import SIGNS, DateState
from settlement.pages.request_page import read_request_page
from settlement.pages.settlements import DATES_A_PAGE, DateRow, PartnerSummary, summarize
from settlement.slot.money_at_risk import Unsettled
from settlement.steps.compute import compute_net_positions
from support.day import ACTOR, ALICE, BOB, CAROL, DAY, World, demo_partner

SLOT = f"demo-{DAY}-1"
NEXT = DAY + timedelta(days=1)
TODAY = datetime.now(UTC).date()
MOST_QUERIES = 20


@pytest.fixture
def world(ledger) -> World:
    """A day with one trade."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    return world


def summary(world: World, before: date | None = None) -> PartnerSummary:
    """The partner on the first page."""
    with world.ledger.transaction() as tx:
        (found,) = summarize(tx, [world.partner], before=before)
    return found


def row(world: World, day: date = DAY) -> DateRow:
    """The day, as the first page and its own page list it: they agree."""
    listed = summary(world, before=day + timedelta(days=1)).rows[0]
    with world.ledger.transaction() as tx:
        own = read_date_page(tx, world.partner, day).row
    assert listed.business_date == own.business_date == day
    assert (listed.state, listed.amounts, listed.left) == (own.state, own.amounts, own.left)
    return listed


def test_a_date_that_nobody_ran(world: World) -> None:
    """It is due, and what is owed is not known."""
    assert row(world).state is DateState.NOT_RUN
    assert summary(world).not_read > 0


def test_a_settled_date(world: World) -> None:
    """Nothing of it is at risk, and it is none of those that are not settled."""
    world.run()
    settled = row(world)
    assert (settled.state, settled.left, settled.amounts) == (DateState.SETTLED, None, ())
    assert DAY not in {each.business_date for each in summary(world).not_settled}


@pytest.mark.parametrize(
    ("fault", "state", "why"),
    [
        (FaultKind.BAD_REQUEST, DateState.REFUSED, Unsettled.REFUSED),
        (FaultKind.PENDING, DateState.WAITS, Unsettled.PENDING),
        (FaultKind.DROP_AFTER, DateState.SETTLING, Unsettled.UNKNOWN),
        (FaultKind.FAILED, DateState.SETTLING, Unsettled.FAILED),
    ],
)
def test_an_answer_that_leaves_a_date_open(
    world: World, fault: FaultKind, state: DateState, why: Unsettled
) -> None:
    """The word beside the date, and the reason beside the amounts."""
    world.fault(fault, route=Route.SUBMIT, times=None)
    with suppress(SettlementError):
        world.run()
    listed = row(world)
    assert listed.state is state
    assert listed.left is not None
    (amounts,) = listed.amounts
    assert (amounts.why, amounts.gross) == (why, {"BTC": 200, "USD": 602})


def test_a_diverged_request_needs_a_person(world: World) -> None:
    """It is asked about, and its own page has both sides."""
    world.fault(FaultKind.FOREIGN, route=Route.SUBMIT)
    with pytest.raises(DivergedSlotError):
        world.run()
    assert row(world).state is DateState.NEEDS_A_PERSON
    assert [each.external_id for each in summary(world).questions] == [SLOT]
    with world.ledger.transaction() as tx:
        page = read_request_page(tx, world.partner, SLOT)
    assert page.question is not None
    assert page.both_sides is not None
    assert page.both_sides.differing


def test_what_is_built_and_not_sent_is_settling(world: World) -> None:
    """Signed is not sent."""
    world.prepare()
    assert row(world).state is DateState.SETTLING
    (amounts,) = row(world).amounts
    assert amounts.why is Unsettled.NOT_SENT


def test_a_stopped_partner(world: World) -> None:
    """What is not settled waits for somebody who lets the partner go."""
    world.prepare()
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "keys are rotated", ACTOR)
    assert row(world).state is DateState.STOPPED
    stop = summary(world).stop
    assert stop is not None
    assert stop.reason == "keys are rotated"


def test_a_client_on_hold(world: World) -> None:
    """Everybody else is settled; the client's amounts are named as kept back."""
    world.trade(CAROL, BOB, 7)
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", CAROL, "its connection is closed", None, ACTOR)
    world.run()
    listed = row(world)
    assert (listed.state, listed.left) == (DateState.HELD, None)
    assert [each.why for each in listed.amounts] == [Unsettled.ON_HOLD]


def test_late_trades_that_were_read_and_not_sent(world: World) -> None:
    """The date was settled; then somebody read more trades, and nothing was built."""
    world.run()
    world.trade(CAROL, BOB, 7)
    compute_net_positions(world.desk, world.warehouse, DAY)
    listed = row(world)
    assert listed.state is DateState.NOT_SENT
    assert [each.why for each in listed.amounts] == [Unsettled.NOT_SENT]


def test_every_state_has_a_sign_of_its_own() -> None:
    """Colours alone say nothing to many."""
    assert set(SIGNS) == set(DateState)
    assert len(set(SIGNS.values())) == len(DateState)


def test_older_dates_are_pages_away_and_counted_all_the_same(world: World) -> None:
    """What is not settled long ago is at risk on the first page, too."""
    world.partner = demo_partner(first_business_date=TODAY - timedelta(days=3 * DATES_A_PAGE))
    newest = summary(world)
    assert len(newest.rows) == DATES_A_PAGE
    assert len(newest.not_settled) > 2 * DATES_A_PAGE
    seen, before = [], None
    while True:
        page = summary(world, before)
        seen += [each.business_date for each in page.rows]
        if page.older_before is None:
            break
        before = page.older_before
    assert seen == sorted(set(seen), reverse=True)
    assert seen == [each.business_date for each in newest.not_settled]


def test_the_date_page_adds_up(world: World) -> None:
    """Net positions are what is booked, in flight and left; the story is told in order."""
    world.partner = demo_partner(max_connections_per_request=1)
    first, second, *others = world.prepare()
    world.submit(first)
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with suppress(SettlementError):
        world.submit(second)
    with world.ledger.transaction() as tx:
        page = read_date_page(tx, world.partner, DAY)
    for each in page.currencies:
        assert each.net == each.booked + each.in_flight + each.left
    for column in ("booked", "in_flight", "left"):
        assert any(getattr(each, column) > 0 for each in page.currencies)
    assert [each.slot.external_id for each in page.requests] == [first, second, *others]
    kinds = [each.kind for each in page.events]
    assert kinds.index("snapshot frozen") < kinds.index("filled") < kinds.index("sent")


def test_the_request_page_has_every_attempt(world: World) -> None:
    """Bodies with their lines, and each exchange with its answer."""
    world.run()
    with world.ledger.transaction() as tx:
        page = read_request_page(tx, world.partner, SLOT)
    assert page.view.current is not None
    assert len(page.view.current.lines) == 4
    assert {each.kind for each in page.view.attempts} >= {"payload", "submit"}
    assert (page.question, page.both_sides) == (None, None)


def test_a_few_queries_serve_many_partners_and_dates(world: World) -> None:
    """However many there are, settled or not."""
    world.run()
    world.trade(ALICE, CAROL, 5, day=NEXT)
    world.prepare(NEXT)
    others = [world.partner.model_copy(update={"name": f"other{n}"}) for n in range(19)]
    asked: list[str] = []

    def note(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(world.ledger.engine, "before_cursor_execute", note)
    with world.ledger.transaction() as tx:
        assert len(summarize(tx, [world.partner, *others])) == 20
        of_list = len(asked)
        read_date_page(tx, world.partner, NEXT)
    assert of_list <= MOST_QUERIES
    assert len(asked) - of_list <= MOST_QUERIES
