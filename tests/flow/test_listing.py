"""What was listed at the partner: a range without gaps that only grows, whoever lists beside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from settlement.ledger.database import Ledger
from settlement.partner.exchange import Answer, PartnerApi
from settlement.steps.listing import adopt_unknown_settlements
from support.day import ALICE, BOB, DAY, World

MONDAY, FRIDAY = date(2026, 3, 2), date(2026, 3, 6)
LOOK_BACK = timedelta(days=35)
SINCE = {
    MONDAY: datetime(2026, 2, 28, 10, tzinfo=UTC) - LOOK_BACK,
    FRIDAY: datetime(2026, 3, 4, 10, tzinfo=UTC) - LOOK_BACK,
}
"""When the date before can have ended at the earliest, as it began furthest east; and `look_back`
before that: trades may have moved from there."""
HOUR = timedelta(hours=1)


class Listings:
    """A partner API that notes since when is listed, and lets somebody step in first."""

    def __init__(self, api: PartnerApi) -> None:
        self.api = api
        self.base_url = api.base_url
        self.since: list[datetime] = []
        self.steps_in: list[object] = []

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """Note it, pass it on."""
        named = dict(query)
        if "createdOnOrAfter" in named and named["pageNumber"] == "0":
            self.since.append(datetime.fromisoformat(named["createdOnOrAfter"]))
            if self.steps_in:
                self.steps_in.pop()()  # type: ignore[operator]
        return self.api.exchange(method, path, query=query, content=content)


@pytest.fixture
def world(ledger: Ledger) -> World:
    """A partner that shows nothing yet."""
    world = World(ledger)
    world.api = Listings(world.api)
    return world


def list_for(world: World, day: date) -> None:
    """A build lists before it fills slots."""
    adopt_unknown_settlements(world.desk, day)


def listed(world: World) -> tuple[datetime, datetime]:
    """The range that counts as listed."""
    with world.ledger.transaction() as tx:
        row = tx.execute(text("SELECT listed_from, listed_until FROM listing")).one()
    return row.listed_from, row.listed_until


def test_a_later_listing_goes_on_where_the_last_one_ended(world: World) -> None:
    """An hour is read again; a pause of days leaves no gap, whatever date is built after it."""
    list_for(world, MONDAY)
    with world.ledger.transaction() as tx:
        tx.execute(text("UPDATE listing SET listed_until = :then"), {"then": SINCE[MONDAY] + HOUR})
    list_for(world, FRIDAY)
    assert world.api.since == [SINCE[MONDAY]] * 2
    assert listed(world)[0] == SINCE[MONDAY]


def test_a_backfill_lists_from_the_date_before_on(world: World) -> None:
    """And from then on that counts as listed."""
    list_for(world, FRIDAY)
    list_for(world, MONDAY)
    assert world.api.since == [SINCE[FRIDAY], SINCE[MONDAY]]
    assert listed(world)[0] == SINCE[MONDAY]


def test_a_listing_that_ends_late_takes_nothing_back(world: World) -> None:
    """Two dates list at once: what the other has listed meanwhile stays listed."""
    list_for(world, FRIDAY)
    ranges = []

    def another_date() -> None:
        list_for(world, MONDAY)
        ranges.append(listed(world))

    world.api.steps_in.append(another_date)
    list_for(world, FRIDAY)
    assert listed(world) == ranges[0]


def test_two_dates_at_once_are_both_green(world: World) -> None:
    """The older one builds in the middle of the newer one's listing, and is proved afterwards."""
    earlier = date(2026, 3, 2)
    world.trade(ALICE, BOB, 100)
    world.trade(ALICE, BOB, 7, day=earlier)
    world.prepare(earlier)

    def older_run() -> None:
        for external_id in world.prepare(earlier):
            world.submit(external_id)

    world.api.steps_in.append(older_run)
    world.run(DAY)
    assert world.verify(earlier).completed == [f"demo-{earlier}-1"]
