"""Ours beside theirs: what differs comes first, and every difference is in a total."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from settlement.ledger.people.question import Question, Subject, lines_in_facts
from settlement.steps.both_sides import compared
from settlement.steps.question_text import body_of, title_of
from settlement.values import Line, as_positions

CLIENTS = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(151)]
lines_of_clients = st.lists(
    st.builds(
        Line,
        st.sampled_from(CLIENTS[:4]),
        st.sampled_from(["BTC", "USD"]),
        st.integers(-(10**30), 10**30).filter(bool),
    ),
    unique_by=lambda line: line.key,
)


def facts(ours: list[Line], theirs: list[Line]) -> dict[str, Any]:
    """What is stored of a diverged request with one body."""
    return {
        "why": "the partner shows none of our bodies",
        "known_settlement_id": None,
        "settlement_id": "s1",
        "status": "completed",
        "transfers_completed": True,
        "theirs": lines_in_facts(theirs),
        "current_body": 1,
        "ours": [{"body": 1, "sent": True, "lines": lines_in_facts(ours)}],
    }


def question(ours: list[Line], theirs: list[Line]) -> Question:
    """The question about it."""
    asked = datetime(2026, 3, 3, 22, tzinfo=UTC)
    identity = ("demo", "ab" * 32, Subject.DIVERGED, date(2026, 3, 3), "demo-2026-03-03-1")
    return Question(*identity, facts(ours, theirs), asked, "petra", None, None, None, None, None)


@given(lines_of_clients, lines_of_clients)
def test_every_amount_is_counted_once(ours: list[Line], theirs: list[Line]) -> None:
    """Rows that differ and rows that are equal are all rows; the totals are over what differs."""
    left, right = as_positions(ours), as_positions(theirs)
    both = compared(facts(ours, theirs))
    assert len(both.differing) + both.equal == len({*left, *right})
    assert {each.key: each.difference for each in both.differing} == {
        key: right.get(key, 0) - left.get(key, 0)
        for key in {*left, *right}
        if left.get(key, 0) != right.get(key, 0)
    }
    for total in both.totals:
        rows = [each for each in both.differing if each.key.currency == total.currency]
        assert total.count == len(rows)
        assert total.net == sum(each.difference for each in rows)
        assert total.gross == sum(abs(each.difference) for each in rows)


@given(lines_of_clients, lines_of_clients)
def test_the_largest_of_each_currency_come_first(ours: list[Line], theirs: list[Line]) -> None:
    """No currency hides another: the first rows are the largest of each."""
    both = compared(facts(ours, theirs))
    first = both.differing[: len(both.totals)]
    assert {each.key.currency for each in first} == {each.currency for each in both.totals}
    for each in first:
        others = [row for row in both.differing if row.key.currency == each.key.currency]
        assert abs(each.difference) == max(abs(row.difference) for row in others)


def test_of_151_rows_the_one_that_differs_is_shown() -> None:
    """It sorts last by its connection; the 150 that are equal are a count."""
    ours = [Line(each, "USD", 1_234_500) for each in CLIENTS]
    theirs = [*ours[:-1], Line(CLIENTS[-1], "USD", 1_234_567)]
    asked = question(ours, theirs)
    text = body_of(asked, {"USD": 2})
    assert f"| {CLIENTS[-1]} | USD | 12,345.00 | 12,345.67 | 0.67 |" in text
    assert "1 amount(s) differ, 150 amount(s) are equal on both sides" in text
    assert "| USD | 1 | 0.67 | 0.67 |" in text
    assert CLIENTS[0] not in text
    assert title_of(asked, {"USD": 2}).startswith("demo 2026-03-03, 0.67 USD: is what the partner")


def test_where_no_amount_differs_that_is_said() -> None:
    """As with transfers that are not completed: the amounts are not what is wrong."""
    ours = [Line(CLIENTS[0], "USD", 1)]
    asked = question(ours, ours)
    assert "No amount differs: 1 amount(s) are equal" in body_of(asked, {"USD": 2})
    assert title_of(asked, {"USD": 2}).startswith("demo 2026-03-03, no difference: is what")
