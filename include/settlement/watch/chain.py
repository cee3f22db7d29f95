"""Whether the ledger still says what it said. Costs as much as the ledger is large: once a day."""

from __future__ import annotations

from collections.abc import Iterator

from settlement.errors import ChainBrokenError
from settlement.ledger.checks.ledger import verify_ledger
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind


def read_broken_invariant(context: WatchContext) -> str | None:
    """The first thing that does not hold, as `settlement verify` finds it."""
    try:
        verify_ledger(context.ledger, context.partner.name, context.partner.currencies)
    except ChainBrokenError as error:
        return error.message
    return None


def broken_chain(context: WatchContext, what: str | None) -> Iterator[Finding]:
    """Somebody changed the tables by hand, or a restore mixed two states."""
    if what is not None:
        yield Finding(Kind.CHAIN_BROKEN, context.partner.name, what)
