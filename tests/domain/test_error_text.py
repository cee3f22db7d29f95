"""What on-call reads of an error: four things in order, in short lines, whatever the error."""

from __future__ import annotations

import pytest

from settlement.error_text import error_text
from settlement.errors import RefusedError, SettlementError
from support.an_error import all_errors, error_of

MONEY = ["refused 6.00 USD", "not sent 1.50000000 BTC"]
LONGEST_STEP = 120
REFUSED = RefusedError(
    "demo-2026-03-03-1: the partner refuses it (HTTP 400: no such client). It holds nothing.",
    to_do="correct what it names, then clear compute_net_positions",
)


def test_what_then_the_money_then_the_next_step_then_the_section() -> None:
    """A line for each sentence; nothing is said twice."""
    assert error_text(REFUSED, MONEY, REFUSED.to_do).splitlines() == [
        "demo-2026-03-03-1: the partner refuses it (HTTP 400: no",
        "  such client).",
        "It holds nothing.",
        "Money at risk: refused 6.00 USD",
        "- not sent 1.50000000 BTC",
        "Next: correct what it names, then clear compute_net_positions",
        "Runbook (docs of settle_*): [runbook: refused]",
    ]


@pytest.mark.parametrize("error", list(all_errors()), ids=lambda each: each.__name__)
def test_every_error_has_a_next_step(error: type[SettlementError]) -> None:
    """An error without one has that of its class: a short line, and not of another class."""
    assert 0 < len(error.next_step) <= LONGEST_STEP
    assert error is SettlementError or error_of(error).to_do != SettlementError.next_step


def test_what_is_told_of_an_error_is_its_text() -> None:
    """Airflow shows the text of the exception that it gets."""
    error = RefusedError("no")
    assert str(error) == "no [runbook: refused]"
    error.tell("no, and nothing has moved")
    assert str(error) == "no, and nothing has moved"
