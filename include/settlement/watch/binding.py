"""Whether the partner file still says what the ledger has bound at first use."""

from __future__ import annotations

from collections.abc import Iterator

from settlement.ledger.bound_currencies import bound_decimals, decimals_conflict
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind


def read_binding_conflict(context: WatchContext) -> str | None:
    """What the partner file says otherwise than is bound."""
    with context.ledger.transaction() as tx:
        return decimals_conflict(context.partner, bound_decimals(tx, context.partner.name))


def binding_conflict(context: WatchContext, what: str | None) -> Iterator[Finding]:
    """Somebody edited the decimals of a currency that was used: every run is refused."""
    if what is not None:
        yield Finding(Kind.BINDING_CONFLICT, context.partner.name, what)
