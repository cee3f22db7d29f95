"""Which externalIds a date may use."""

from __future__ import annotations

from datetime import date
from itertools import islice

from settlement.request.external_id import unused_identities

DAY = date(2026, 3, 3)


def test_new_slots_take_the_lowest_numbers_that_are_free() -> None:
    """A gap is what a lost ledger leaves: a request under way there must meet the new one."""
    taken = {f"demo-{DAY}-2", f"demo-{DAY}-4"}
    unused = islice(unused_identities("demo", DAY, taken), 3)
    assert [each.external_id for each in unused] == [f"demo-{DAY}-{n}" for n in (1, 3, 5)]
