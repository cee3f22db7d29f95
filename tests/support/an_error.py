"""An error of each class, of those too that make their own text from facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from settlement import errors
from settlement.errors import SettlementError

DAY = date(2026, 3, 3)
AT = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
SLOT = "demo-2026-03-03-1"
MADE_FROM_FACTS: dict[type[SettlementError], SettlementError] = {
    type(each): each
    for each in (
        errors.UntrustedHostError(
            "https://partner.test", why="expired", trusted="certifi's", conn_id="partner_api"
        ),
        errors.WarehouseUnbalancedError(["USD: clients 5 + house -4 = 1"]),
        errors.WarehouseNotLoadedError("demo", DAY, loaded=None, cut_off=AT),
        errors.EmptyDayError("demo", DAY, window="the window"),
        errors.StoppedError("demo", who="ann", since=AT, reason="amounts look wrong"),
        errors.HeldConnectionError(SLOT, held={"b", "a"}),
        errors.LimitExceededError("demo", DAY, passed=["3 requests, 2 allowed"]),
        errors.PayloadMismatchError(SLOT, differs="nonce is missing"),
        errors.RejectedError(SLOT, said="HTTP 401: closed", status=401, verdict="rejected"),
        errors.SettlementFailedError(SLOT, said="HTTP 500: funds", missing="5 USD", status=500),
    )
}


def all_errors(error: type[SettlementError] = SettlementError) -> Iterator[type[SettlementError]]:
    """The tree of errors."""
    yield error
    for below in error.__subclasses__():
        if below.__module__.startswith(errors.__name__):
            yield from all_errors(below)


def error_of(kind: type[SettlementError], what: str = "x") -> SettlementError:
    """One of this class: with these words, unless it makes its own."""
    return MADE_FROM_FACTS.get(kind) or kind(what)
